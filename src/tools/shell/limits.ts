/** Reads what the kernel counts for a user: the cgroup `user-UID.slice`, version 2 or 1. */

import { readFileSync } from "node:fs";
import { parseLimit, type UserLimits } from "../core/views/limits.ts";

/** What cannot be read is null. */
export function readLimits(uid: number, cgroupRoot = "/sys/fs/cgroup"): UserLimits {
  const slice = `user.slice/user-${uid}.slice`;
  const read = (now: string, before: string): number | null =>
    firstOf(`${cgroupRoot}/${slice}/${now}`, `${cgroupRoot}/${before.split(".")[0]}/${slice}/${before}`);
  const kib = (bytes: number | null): number | null => (bytes === null ? null : bytes / 1024);
  return {
    uid,
    tasks: { used: read("pids.current", "pids.current"), limit: read("pids.max", "pids.max") },
    memoryKiB: {
      used: kib(read("memory.current", "memory.usage_in_bytes")),
      limit: kib(read("memory.max", "memory.limit_in_bytes")),
    },
  };
}

function firstOf(...files: string[]): number | null {
  for (const file of files) {
    try {
      return parseLimit(readFileSync(file, "latin1"));
    } catch {
      // The other version of cgroups, or no such controller.
    }
  }
  return null;
}
