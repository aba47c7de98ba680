/** `run-notify`: runs the site's notify program for what sweeps left; started by a path unit, outside the sandbox. */

import { join } from "node:path";
import type { Command } from "commander";
import { type Common, complain, isRoot } from "../commands/shared.ts";
import { faultLine } from "../core/observation/fault.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { loadNative } from "../shell/host/native.ts";
import { NOTIFY_FOLDER, RUN_FOLDER } from "../shell/store/paths.ts";
import { prepareFolder } from "../shell/store/safe-files.ts";
import { actsForHost, serviceAccount } from "../shell/store/service-account.ts";
import { addConfig, type Finish } from "./options.ts";
import { emptySpool } from "./shell/empty-spool.ts";
import { runHook } from "./shell/run-hook.ts";

const LIMIT_MS = 60_000;

const EXPLANATION = `
The program gets one line of JSON on standard input for each tree, a run each,
and a minute. It is run again after the next sweep when its exit status is not
0, and given up after three days.

Exit status: 0 all well; 1 a run failed; 75 it is at work already; 77 not
permitted.`;

async function runNotify(options: Common): Promise<number> {
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
  const faults = await emptySpool(NOTIFY_FOLDER, Date.now(), async (text) => {
    const run = await runHook(program, text, LIMIT_MS);
    if ("failed" in run) throw new Error(`${program}: ${run.failed}`);
    if (run.value !== 0) throw new Error(`${program}: exit status ${run.value}`);
  });
  for (const fault of faults) complain(faultLine(fault));
  return faults.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Guard: the account owns the spool, so root runs nothing for it with rights that the account lacks. */
function dropToAccount(): void {
  const { uid, gid } = serviceAccount();
  if (!isRoot() || uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

export function addRunNotify(program: Command, finish: Finish): void {
  addConfig(program.command("run-notify"))
    .description("run the site's notify program for what sweeps left")
    .addHelpText("after", EXPLANATION)
    .action(finish(runNotify));
}
