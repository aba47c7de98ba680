/** The bundle that the service and a manual `sweep` load: one command and nothing else. */

import { programOf, run } from "../commands/program.ts";
import { addSweep } from "../commands/sweep.ts";
import { EXIT } from "../shell/failure.ts";
import { writeAll } from "../shell/output/log.ts";

run((done) => programOf([addSweep], done)).then(hintAtStatus);

/** Points to `status` on a terminal when only the program's name was typed, because a sweep may print nothing. */
function hintAtStatus(): void {
  if (process.argv.length > 2 || process.exitCode !== EXIT.ok || process.stderr.isTTY !== true) return;
  writeAll(2, "The sweep is done. What this host looks like now: vscode-grim-reaper status\n");
}
