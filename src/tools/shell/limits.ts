/** Reads what the kernel counts for a user: the cgroup `user-UID.slice`, version 2 or 1. */

import { readFileSync } from "node:fs";
import type { Use, UserLimits } from "../core/views/limits.ts";
import { ask } from "./ask.ts";

/** What cannot be read, and what is not limited, is null. */
export function readLimits(uid: number, cgroupRoot = "/sys/fs/cgroup"): UserLimits {
  const read = (file: string, unit: number): number | null => {
    const text = ask(() => readFileSync(`${cgroupRoot}/${file}`, "latin1").trim());
    const value = "value" in text && text.value !== "" ? Number(text.value) : Number.NaN;
    // "max", and the huge numbers of version 1, mean that there is no limit.
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
