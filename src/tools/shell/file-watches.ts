/** Counts the file watches of a tree, for `explain`. */

import type { ProcId } from "../../core/observation/process.ts";
import { runTool, ToolError } from "../../shell/host/run-tool.ts";

/** Milliseconds. Guard: a user may open a million descriptors, and grep, which reads them, is ended then. */
const BUDGET_MS = 500;

/**
 * Counts the file watches of a tree (proc_pid_fdinfo(5)): nothing else shows who uses up fs.inotify.max_user_watches.
 * Null: one process could not be read, or not in time; a part would pass for the whole.
 */
export function countWatches(processes: readonly ProcId[], budgetMs = BUDGET_MS): number | null {
  const folders = processes.map(({ pid }) => `/proc/${pid}/fdinfo`);
  const args = ["--recursive", "--no-filename", "--count", "^inotify wd:", ...folders];
  try {
    const counts = runTool("/usr/bin/grep", args, budgetMs).split("\n");
    return counts.reduce((sum, count) => sum + Number(count), 0);
  } catch (error) {
    // 1: no line at all.
    return error instanceof ToolError && error.status === 1 ? 0 : null;
  }
}
