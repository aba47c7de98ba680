/** `deliver-mail`: sends the mail that sweeps left. The path unit starts it, outside the sweep's sandbox. */

import { join } from "node:path";
import type { Command } from "commander";
import { faultLine } from "../core/observation/fault.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { loadNative } from "../shell/host/native.ts";
import { writeAll } from "../shell/output/log.ts";
import { deliverMail } from "../shell/store/mail-spool.ts";
import { MAIL_FOLDER, RUN_FOLDER } from "../shell/store/paths.ts";
import { prepareFolder } from "../shell/store/safe-files.ts";
import { actsForHost } from "../shell/store/service-account.ts";
import { EXIT, Failure } from "./exit.ts";
import type { Finish } from "./options.ts";

const EXPLANATION = `
Mail that could not be sent is kept, tried again after the next sweep, and given up after three days.

Exit status: 0 all sent; 1 some mail was not sent; 75 another one is running; 77 not permitted.`;

async function runDeliver(): Promise<number> {
  if (!actsForHost())
    throw new Failure(EXIT.denied, "the mails belong to root and the account of the sweep; run it with sudo");
  prepareFolder(RUN_FOLDER, 0o700);
  const lock = join(RUN_FOLDER, "mail.lock");
  if (loadNative().lock(lock) === "busy")
    throw new Failure(EXIT.busy, `another deliver-mail is running (it holds ${lock})`);
  const { faults } = await deliverMail(MAIL_FOLDER, Date.now());
  for (const fault of faults) writeAll(2, `vscode-grim-reaper: ${escapeText(faultLine(fault))}\n`);
  return faults.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Adds the command to the program. */
export function addDeliverMail(program: Command, finish: Finish): void {
  program
    .command("deliver-mail")
    .description("send the mail that sweeps left, through /usr/sbin/sendmail")
    .addHelpText("after", EXPLANATION)
    .action(finish(runDeliver));
}
