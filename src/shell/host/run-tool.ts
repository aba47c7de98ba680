/** Starts tools of the system: by absolute path, with a clean environment and a deadline. */
import { execFileSync, type SpawnSyncReturns } from "node:child_process";

/** A tool that ended badly, was not there, or took too long; the message is its own last word where it had one. */
export class ToolError extends Error {
  /** The exit status; null: it did not run, or a signal ended it. */
  readonly status: number | null;
  /** What it had written to standard output all the same. */
  readonly output: string;

  constructor(message: string, status: number | null, output = "") {
    super(message);
    this.status = status;
    this.output = output;
  }
}

/** What the tool wrote to standard output. @throws ToolError */
export function runTool(tool: string, args: readonly string[], deadlineMs: number, input = ""): string {
  try {
    return execFileSync(tool, args, {
      encoding: "utf8",
      input,
      timeout: deadlineMs,
      killSignal: "SIGKILL",
      // Guard: what the caller's environment holds decides nothing that a tool answers.
      env: { LC_ALL: "C", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["pipe", "pipe", "pipe"],
    });
  } catch (error) {
    const { status, stdout, stderr, message } = error as Error & Partial<SpawnSyncReturns<string>>;
    const said = String(stderr ?? "").trim();
    throw new ToolError((said || message).split("\n")[0] ?? "", status ?? null, String(stdout ?? ""));
  }
}
