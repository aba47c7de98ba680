/** Leaves what users are to read at their next login, and what the site's notify program gets. */

import { type NoticeContext, noticeLines } from "../core/notify/notice.ts";
import type { Policy } from "../core/policy/policy.ts";
import type { Outcome } from "../core/reap/outcome.ts";
import { notificationLines } from "../core/report/json.ts";
import { namesOf } from "../shell/host/accounts.ts";
import type { Native } from "../shell/host/native.ts";
import { dropNotices, writeNotices } from "../shell/store/notices.ts";
import { attempt } from "../shell/store/safe-files.ts";
import { putIntoSpool } from "../shell/store/spool.ts";
import type { Recorder } from "./sweep.ts";

export function noticeRecorder(native: Pick<Native, "grantRead">, folder: string, policy: Policy): Recorder {
  return ({ outcomes, observation, observing }) => {
    if (observing) return [];
    const now = Date.now();
    const dropped = dropNotices(folder, policy.notice, now);
    if (!policy.notice.enabled) return dropped;
    const { host } = observation;
    const ports = { native, folder, policy: policy.notice, host, now };
    return [...dropped, ...writeNotices(ports, linesByUser(outcomes, { observation, now, policy }))];
  };
}

/** Leaves a line for the site's notify program for each tree that was ended, or could not be. */
export function notifyRecorder(folder: string, policy: Policy): Recorder {
  return ({ outcomes, observation, observing }) => {
    if (observing || policy.hooks.notify === "") return [];
    const now = Date.now();
    const userOf = namesOf(outcomes.map(({ judgement }) => judgement.tree.uid));
    const lines = notificationLines(outcomes, observation, { now, userOf });
    return attempt(`put notifications into ${folder}`, () => putIntoSpool(folder, lines, now));
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
