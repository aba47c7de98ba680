/** The bundle that the service and a manual `sweep` load: one command and nothing else. */

import { run } from "../commands/run.ts";
import { runSweep } from "../commands/sweep.ts";
import type { SweepOptions } from "../commands/sweep-options.ts";
import { EXIT } from "../shell/failure.ts";
import { writeAll } from "../shell/output/log.ts";

/** Sweeps, and sets the exit status. */
export const startSweep = (options: SweepOptions): Promise<void> =>
  run(async () => {
    const status = await runSweep(options);
    // When only the program's name was typed: a sweep may print nothing.
    if (status === EXIT.ok && process.argv.length === 2 && process.stderr.isTTY === true)
      writeAll(2, "The sweep is done. What this host looks like now: vscode-grim-reaper status\n");
    return status;
  });
