/**
 * Mail on its way. The sweep's unit cannot start a mailer, so the sweep puts mail into `new`. A path unit then starts
 * `deliver-mail`, which moves it to `kept` and sends it. Mail that could not be sent stays in `kept` until the next sweep
 * puts it back: a path unit that watches a folder with an undeliverable mail would start for ever.
 */

import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { formatSpooled, type Mail, parseSpooled } from "../../core/notify/mail.ts";
import type { Fault } from "../../core/observation/fault.ts";
import { runTool } from "../host/run-tool.ts";
import { prepareFolder, replaceFile } from "./safe-files.ts";

const SENDMAIL = "/usr/sbin/sendmail";
const SEND_MS = 60_000;
const GIVE_UP_MS = 3 * 86_400_000;
/** A file is named MILLISECONDS-UID; the time is since the epoch. */
const NAME = /^(\d{13})-(\d{1,10})$/;

function prepare(folder: string): { fresh: string; kept: string } {
  const fresh = join(folder, "new");
  const kept = join(folder, "kept");
  for (const path of [folder, fresh, kept]) prepareFolder(path, 0o700);
  return { fresh, kept };
}

/** Puts mail into `new`, and what could not be sent before. `mails` is by uid. @throws */
export function spoolMail(folder: string, mails: ReadonlyMap<number, Mail>, now: number): void {
  const { fresh, kept } = prepare(folder);
  for (const [uid, mail] of mails) {
    const name = `${now}-${uid}`;
    const whole = join(folder, name);
    replaceFile(whole, formatSpooled(mail), 0o600);
    renameSync(whole, join(fresh, name));
  }
  for (const name of mailsIn(kept)) renameSync(join(kept, name), join(fresh, name));
}

const mailsIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => NAME.test(name))
    .sort();

/** What deliverMail did. */
export interface Delivery {
  readonly sent: number;
  readonly faults: readonly Fault[];
}

/** Sends what waits. What fails is reported and kept, and given up after three days. @throws */
export function deliverMail(folder: string, now: number): Delivery {
  const { fresh, kept } = prepare(folder);
  const faults: Fault[] = [];
  let sent = 0;
  for (const name of mailsIn(fresh)) {
    const file = join(kept, name);
    // It leaves the watched folder first, so that even a crash does not start this again.
    renameSync(join(fresh, name), file);
    const mail = parseSpooled(readFileSync(file, "utf8"));
    try {
      if (mail === null) throw new Error("the file is not a mail of this program");
      send(mail);
      rmSync(file);
      sent++;
    } catch (error) {
      const old = mail === null || now - Number(NAME.exec(name)?.[1]) > GIVE_UP_MS;
      if (old) rmSync(file, { force: true });
      const rest = old ? "given up" : "kept; tried again after the next sweep";
      faults.push({
        what: `send ${file} to ${mail?.to ?? "anybody"}`,
        detail: `${(error as Error).message}; ${rest}`,
      });
    }
  }
  return { sent, faults };
}

/** Guard: the recipient is an argument after `--`, so no header adds another (no -t). With -oi a lone dot ends nothing. */
function send({ to, from, message }: Mail): void {
  runTool(SENDMAIL, ["-oi", "-f", from, "--", to], SEND_MS, message);
}
