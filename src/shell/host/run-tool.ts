/** Runs the system's tools by absolute path, with a clean environment and a deadline. */
import type { SpawnSyncReturns } from "node:child_process";

/** A tool failed, does not exist, or took too long. The message is the tool's own, if it wrote one. */
export class ToolError extends Error {
  /** The exit status; null if it did not run or a signal ended it. */
  readonly status: number | null;
  /** What it wrote to standard output before it failed. */
  readonly output: string;

  constructor(message: string, status: number | null, output = "") {
    super(message);
    this.status = status;
    this.output = output;
  }
}

/** Runs a tool and returns its standard output. @throws ToolError */
export function runTool(tool: string, args: readonly string[], deadlineMs: number, input = ""): string {
  // Not at the start: Node takes 3 to 5 ms to load it, and most sweeps run no tool.
  const { execFileSync } = process.getBuiltinModule("node:child_process");
  try {
    return execFileSync(tool, args, {
      encoding: "utf8",
      input,
      timeout: deadlineMs,
      killSignal: "SIGKILL",
      // Guard: the caller's environment must not influence what a tool answers.
      env: { LC_ALL: "C", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["pipe", "pipe", "pipe"],
    });
  } catch (error) {
    const { status, stdout, stderr, message } = error as Error & Partial<SpawnSyncReturns<string>>;
    const output = String(stderr ?? "").trim();
    throw new ToolError((output || message).split("\n")[0] ?? "", status ?? null, String(stdout ?? ""));
  }
}
