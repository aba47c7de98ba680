/** What the kernel counts for a user in the cgroup `user-UID.slice`, and for a tree in the descriptors of its processes. */

import { readFileSync } from "node:fs";
import type { ProcId } from "../../core/observation/process.ts";
import { runTool, ToolError } from "../../shell/host/run-tool.ts";
import type { Use, UserLimits } from "../core/views/explain-view.ts";
import { orNull } from "./ask.ts";

/** Reads version 2 or 1. What cannot be read, and what is not limited, is null. */
export function readLimits(uid: number, cgroupRoot = "/sys/fs/cgroup"): UserLimits {
  const read = (file: string, unit: number): number | null => {
    const value = Number(orNull(() => readFileSync(`${cgroupRoot}/${file}`, "latin1").trim()) || Number.NaN);
    // The kernel writes "max" where there is no limit, and cgroup version 1 a huge number.
    return value < 2 ** 60 ? value / unit : null;
  };
  const slice = `user.slice/user-${uid}.slice`;
  const use = (folder: string, used: string, limit: string, unit: number): Use => ({
    used: read(`${folder}${slice}/${used}`, unit),
    limit: read(`${folder}${slice}/${limit}`, unit),
  });
  const isV2 = use("", "pids.current", "pids.max", 1).used !== null;
  return {
    uid,
    tasks: use(isV2 ? "" : "pids/", "pids.current", "pids.max", 1),
    memoryKiB: isV2
      ? use("", "memory.current", "memory.max", 1024)
      : use("memory/", "memory.usage_in_bytes", "memory.limit_in_bytes", 1024),
  };
}

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
