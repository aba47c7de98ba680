/** Runs what either bundle starts: every error is one clear line, and the exit status says what kind it is. */

import { EXIT, Failure } from "../shell/failure.ts";
import { writeAll } from "../shell/output/log.ts";

/** Runs a command, whose result becomes this process's exit status. */
export async function run(command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    const known = error instanceof Failure;
    process.exitCode = known ? error.status : EXIT.internal;
    const text = known ? error.message : ((error as Error).stack ?? String(error));
    for (const line of text.split("\n")) writeAll(2, `vscode-grim-reaper: ${line}\n`);
  }
}
