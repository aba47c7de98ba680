/** Tells users: notices for their next login, and mail. */

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { formatNotification, notificationLines } from "../core/hooks/notification.ts";
import { BUILT_IN_TEMPLATE, type Mail, mailTo } from "../core/notify/mail.ts";
import { type NoticeContext, noticeLines } from "../core/notify/notice.ts";
import type { Fault } from "../core/observation/fault.ts";
import type { Policy } from "../core/policy/policy.ts";
import type { Outcome } from "../core/reap/outcome.ts";
import { loginOf, namesOf } from "../shell/host/accounts.ts";
import type { Native } from "../shell/host/native.ts";
import { spoolMail } from "../shell/store/mail-spool.ts";
import { dropNotices, writeNotices } from "../shell/store/notices.ts";
import { attempt } from "../shell/store/safe-files.ts";
import { putIntoSpool } from "../shell/store/spool.ts";
import type { Recorder } from "./sweep.ts";

const MAX_TEMPLATE = 65_536;

export function noticeRecorder(native: Pick<Native, "grantRead">, folder: string, policy: Policy): Recorder {
  return ({ outcomes, observation, observing }) => {
    if (observing) return [];
    const now = Date.now();
    const dropped = dropNotices(folder, policy.notice, now);
    if (!policy.notice.enabled) return dropped;
    const { host } = observation;
    const ports = { native, folder, policy: policy.notice, host, now };
    return [...dropped, ...writeNotices(ports, linesByUser(outcomes, { host, now, policy }))];
  };
}

export function mailRecorder(folder: string, policy: Policy): Recorder {
  return ({ outcomes, observation, observing }) => {
    if (observing || !policy.mail.enabled) return [];
    const now = Date.now();
    const faults: Fault[] = [];
    const mails = new Map<number, Mail>();
    const told = linesByUser(outcomes, { host: observation.host, now, policy });
    const template = told.size > 0 ? readTemplate(policy.mail.template, faults) : "";
    for (const [uid, lines] of told) {
      const what = `mail uid ${uid}`;
      try {
        const user = loginOf(uid);
        if (user === null) throw new Error("it has no login name");
        const mail = mailTo(user, hostname(), lines, policy, template, mailDate(now));
        if ("error" in mail) throw new Error(mail.error);
        mails.set(uid, mail);
      } catch (error) {
        faults.push({ what, uid, detail: (error as Error).message });
      }
    }
    return [...faults, ...attempt(`put mail into ${folder}`, () => spoolMail(folder, mails, now))];
  };
}

/** Leaves a line for the site's notify program for each tree that was ended, or could not be. */
export function notifyRecorder(folder: string, policy: Policy): Recorder {
  return ({ outcomes, observation, observing }) => {
    const program = policy.hooks.notify;
    if (observing || program === "") return [];
    const now = Date.now();
    const names = namesOf([...new Set(outcomes.map(({ judgement }) => judgement.tree.uid))]);
    const userOf = (uid: number): string => names.get(uid) ?? String(uid);
    const lines = notificationLines(outcomes, observation, { now, userOf });
    const texts = new Map(lines.map((line, i) => [i, formatNotification({ program, line })]));
    return attempt(`put notifications into ${folder}`, () => putIntoSpool(folder, texts, now));
  };
}

/** By uid, what is to be said of each tree that was ended, whole or in part. */
function linesByUser(outcomes: readonly Outcome[], context: NoticeContext): Map<number, string[][]> {
  const ended = outcomes.filter(({ killed, spared }) => spared === null && killed.length > 0);
  const byUser = new Map<number, string[][]>();
  for (const outcome of ended) {
    const { uid } = outcome.judgement.tree;
    byUser.set(uid, [...(byUser.get(uid) ?? []), noticeLines(outcome, context)]);
  }
  return byUser;
}

function readTemplate(file: string, faults: Fault[]): string {
  if (file === "") return BUILT_IN_TEMPLATE;
  try {
    const text = readFileSync(file, "utf8");
    if (text.length <= MAX_TEMPLATE) return text;
    throw new Error(`is longer than ${MAX_TEMPLATE} characters`);
  } catch (error) {
    const detail = `${(error as Error).message}; the built-in one was used`;
    faults.push({ what: `use the mail template ${file}`, detail });
    return BUILT_IN_TEMPLATE;
  }
}

/** "Tue, 24 Nov 2026 02:48:06 +0000" (RFC 5322). */
function mailDate(now: number): string {
  return new Date(now).toUTCString().replace("GMT", "+0000");
}
