/** Runs a program of the site's: checked, without a shell, with a clean environment and a time limit. */

import { spawn } from "node:child_process";
import { constants, lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
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
    const { uid, gid, mode } = lstatSync(program);
    if (!lstatSync(program).isFile()) return "is not a regular file";
    if (uid !== 0 || isWritable(mode, gid))
      return "can be written by others than root; chown root:root and chmod go-w it";
    if ((mode & constants.S_IXUSR) === 0) return "is not executable; chmod u+x it";
    for (let above = dirname(program), last = program; above !== last; last = above, above = dirname(above)) {
      const folder = lstatSync(above);
      if (folder.uid !== 0 || (isWritable(folder.mode, folder.gid) && (folder.mode & 0o1000) === 0))
        return `${above}, above it, can be changed by others than root`;
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const isWritable = (mode: number, gid: number): boolean =>
  (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0);

/**
 * Runs the program with this standard input, and gives its exit status, or why there is none: it did not run, a signal or
 * the time limit ended it, or root would not run it. Never rejects. `limitMs`: then it and what it started are killed.
 */
export function runHook(program: string, input: string, limitMs: number): Promise<Answer<number>> {
  const why = whyNotRun(program);
  if (why !== null) return Promise.resolve({ failed: why });
  return new Promise((resolve) => {
    const started = performance.now();
    // timeout(1) makes a process group and kills all of it.
    const child = spawn("/usr/bin/timeout", ["--signal=KILL", `${limitMs / 1000}`, program], {
      cwd: "/",
      env: { LC_ALL: "C.UTF-8", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["pipe", "ignore", "inherit"],
    });
    const end = (run: Answer<number>): void => {
      clearTimeout(late);
      child.stdin.destroy();
      child.unref();
      resolve(run);
    };
    const noAnswer = { failed: `no answer within ${limitMs / 1000} s` };
    // Guard: a program that hangs in the kernel survives SIGKILL.
    const late = setTimeout(() => end(noAnswer), limitMs + KILL_WAIT_MS);
    // A program that does not read its input breaks the pipe; its exit status is what counts.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.once("error", (error) => end({ failed: error.message }));
    child.once("exit", (status, signal) => {
      if (performance.now() - started >= limitMs) return end(noAnswer);
      end(status === null ? { failed: `signal ${signal} ended it` } : { value: status });
    });
  });
}
