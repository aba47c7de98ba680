/** `run-notify`: runs the site's notify program for what sweeps left; started by a path unit, in a unit of its own. */

import { readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Common, complain } from "../commands/shared.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { loadNative } from "../shell/host/native.ts";
import { NOTIFY_FOLDER, RUN_FOLDER } from "../shell/store/paths.ts";
import { prepareFolder } from "../shell/store/safe-files.ts";
import { actsForHost, serviceAccount } from "../shell/store/service-account.ts";
import { filesIn, prepareSpool, SPOOLED } from "../shell/store/spool.ts";
import { CONFIG, commandOf, isRoot } from "./options.ts";
import { runHook } from "./shell/run-hook.ts";

const LIMIT_MS = 60_000;
const GIVE_UP_MS = 3 * 86_400_000;
const SETUID_MAILER = "a setuid mailer needs /usr/share/vscode-grim-reaper/hooks/setuid-mailer.conf";

const EXPLANATION = `
The program gets one line of JSON on standard input for each tree, a run each,
and a minute. It is run again after the next sweep when its exit status is not
0, and given up after three days.`;

function runNotify(options: Common): number {
  if (!actsForHost())
    throw new Failure(
      EXIT.denied,
      "only root and the account of the sweep may run the site's programs; run it with sudo",
    );
  dropToAccount();
  const program = loadConfig(options.config ?? null).policy.hooks.notify;
  if (program === "") throw new Failure(EXIT.usage, "no program is configured: set notify in [hooks]");
  prepareFolder(RUN_FOLDER, 0o700);
  const lock = join(RUN_FOLDER, "notify.lock");
  if (loadNative().lock(lock) === "busy")
    throw new Failure(EXIT.busy, `it is at work already (another process holds ${lock})`);
  const faults = deliverAll(program, Date.now());
  for (const fault of faults) complain(fault);
  return faults.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Runs the program for each text that sweeps left. What failed is kept, and given up after three days. @throws */
function deliverAll(program: string, now: number): string[] {
  const { fresh, kept } = prepareSpool(NOTIFY_FOLDER);
  const faults: string[] = [];
  for (const name of filesIn(fresh)) {
    const file = join(kept, name);
    // It leaves the watched folder first, so that even a crash does not start this again.
    renameSync(join(fresh, name), file);
    const run = runHook(program, readFileSync(file, "utf8"), LIMIT_MS);
    const done = "value" in run && run.value === 0;
    const old = now - Number(SPOOLED.exec(name)?.[1]) > GIVE_UP_MS;
    if (done || old) rmSync(file);
    if (done) continue;
    const why = "failed" in run ? run.failed : `exit status ${run.value}`;
    const rest = old ? "given up" : "kept; tried again after the next sweep";
    faults.push(`cannot deliver ${file}: ${program}: ${why}; ${rest}; ${SETUID_MAILER}`);
  }
  return faults;
}

/** Guard: the account owns the spool, so root runs nothing for it with rights that the account lacks. */
function dropToAccount(): void {
  const { uid, gid } = serviceAccount();
  if (!isRoot() || uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

export const runNotifyCommand = commandOf(
  "run-notify",
  "run the site's notify program for what sweeps left",
  runNotify,
)
  .addOption(CONFIG)
  .addHelpText("after", EXPLANATION);
