import type { Proc } from "../observation/process.ts";
import { localSecond } from "../text/format.ts";
import { commandLine, escapeText, fit } from "../text/safe-text.ts";

/** Makes the standard log output, byte for byte. Events are data, from which each log format makes its lines. */

export type Level = "error" | "warn" | "info" | "debug" | "trace";

export interface LogEvent {
  readonly level: Level;
  readonly message: string;
  /** Only the JSON log shows it. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface Row {
  readonly process: Pick<Proc, "pid" | "ppid" | "argv" | "comm">;
  readonly depth: number;
}

const COMMAND_WIDTH = 32;
/** Real trees are 6 to 12 levels deep. */
const MAX_INDENT = 32;

/**
 * Writes one line per process: pid in 8, a space, ppid in 8, four spaces, `  |-  ` once per level of depth, then the
 * command line in 32 characters. Guard: below 32 levels the depth is a number, or a user's chain of 3,000 nested
 * processes would write 27 MB.
 */
export function processLine({ process, depth }: Row): string {
  const pid = String(process.pid).padStart(8);
  const ppid = String(process.ppid).padStart(8);
  const indent = "  |-  ".repeat(Math.min(depth, MAX_INDENT)) + (depth > MAX_INDENT ? `[${depth}] ` : "");
  return `${pid} ${ppid}    ${indent}${fit(commandLine(process), COMMAND_WIDTH)}`;
}

/** Makes a head line (`Killed 10 process(es) under pid 75950 (uid 1001)`) at the default level, and its processes at -v. */
export function treeEvents(
  head: "Killed" | "Would kill" | "Failed to kill",
  root: { readonly pid: number; readonly uid: number },
  rows: readonly Row[],
  data: Readonly<Record<string, unknown>>,
): LogEvent[] {
  const level = head === "Failed to kill" ? "error" : "info";
  const message = `${head} ${rows.length} process(es) under pid ${root.pid} (uid ${root.uid})`;
  return [
    { level, message, data },
    ...rows.map((row): LogEvent => ({ level: "debug", message: processLine(row) })),
  ];
}

/** Formats one line of the standard log: `[2024-04-25T23:00:00] message`, in local time to the second. */
export function standardLine(time: Date, message: string): string {
  return `[${localSecond(time)}] ${escapeText(message)}`;
}
