/** Runs a program of the site's: checked, without a shell, with a clean environment and a time limit. */

import { spawnSync } from "node:child_process";
import { constants, lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { isRootsAlone } from "../../shell/store/safe-files.ts";
import type { Answer } from "../core/text/shown.ts";

/** How long a program that was killed is waited for. */
const KILL_WAIT_MS = 1000;

/**
 * Says why a program is not run; null if it is. Guard: whoever can write the program, or put another one in its
 * place, would run as the account of the service.
 */
export function whyNotRun(program: string): string | null {
  try {
    const real = realpathSync(program);
    if (real !== program) return `is a symbolic link or lies below one; configure ${real}`;
    const found = lstatSync(program);
    if (!found.isFile()) return "is not a regular file";
    if (!isRootsAlone(found)) return "can be written by others than root; chown root:root and chmod go-w it";
    if ((found.mode & constants.S_IXUSR) === 0) return "is not executable; chmod u+x it";
    for (let above = dirname(program), last = program; above !== last; last = above, above = dirname(above)) {
      const folder = lstatSync(above);
      // In a sticky folder others can make files, and replace none of root's.
      if (folder.uid !== 0 || ((folder.mode & 0o1000) === 0 && !isRootsAlone(folder)))
        return `${above}, above it, can be changed by others than root`;
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Runs the program with this standard input; its exit status, or why there is none. `limitMs`: then all of it is killed. */
export function runHook(program: string, input: string, limitMs: number): Answer<number> {
  const why = whyNotRun(program);
  if (why !== null) return { failed: why };
  // timeout(1) makes a process group and kills all of it, itself as well.
  const args = ["--signal=KILL", `${limitMs / 1000}`, program];
  const started = performance.now();
  const { status, signal, error } = spawnSync("/usr/bin/timeout", args, {
    cwd: "/",
    env: { LC_ALL: "C.UTF-8", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    input,
    stdio: ["pipe", "ignore", "inherit"],
    // Guard: a program that hangs in the kernel survives SIGKILL.
    timeout: limitMs + KILL_WAIT_MS,
    killSignal: "SIGKILL",
  });
  // A program that does not read its input breaks the pipe; its exit status is what counts.
  if (status !== null) return { value: status };
  if (performance.now() - started >= limitMs) return { failed: `no answer within ${limitMs / 1000} s` };
  // timeout(1) ends itself by the signal that ended the program.
  return { failed: signal === null ? String(error?.message) : `signal ${signal} ended it` };
}
