/** Mail on its way from a sweep to the mailer. */

import { formatSpooled, type Mail, parseSpooled } from "../../core/notify/mail.ts";
import { runTool } from "../host/run-tool.ts";
import { type Delivery, emptySpool, putIntoSpool, Undeliverable } from "./spool.ts";

const SENDMAIL = "/usr/sbin/sendmail";
const SEND_MS = 60_000;

/** Puts mail into the spool, and what could not be sent before. `mails` is by uid. @throws */
export function spoolMail(folder: string, mails: ReadonlyMap<number, Mail>, now: number): void {
  putIntoSpool(folder, new Map([...mails].map(([uid, mail]) => [uid, formatSpooled(mail)])), now);
}

/** Sends what waits. What fails is reported and kept, and given up after three days. @throws */
export function deliverMail(folder: string, now: number): Promise<Delivery> {
  return emptySpool(folder, now, (text) => {
    const mail = parseSpooled(text);
    if (mail === null) throw new Undeliverable("the file is not a mail of this program");
    try {
      send(mail);
    } catch (error) {
      throw new Error(`to ${mail.to}: ${(error as Error).message}`);
    }
  });
}

/** Guard: the recipient is an argument after `--`, so no header adds another (no -t). With -oi a lone dot ends nothing. */
function send({ to, from, message }: Mail): void {
  runTool(SENDMAIL, ["-oi", "-f", from, "--", to], SEND_MS, message);
}
