/** Reads what the kernel counts for a user: the cgroup `user-UID.slice`, version 2 or 1, and the limit of watches. */

import { readFileSync } from "node:fs";
import type { Slice } from "../../core/costs/costs.ts";
import { parseLimit } from "../../core/costs/proc-text.ts";

/** `cgroupRoot` is /sys/fs/cgroup. What cannot be read is null. */
export function readSlice(uid: number, procRoot: string, cgroupRoot = "/sys/fs/cgroup"): Slice {
  const slice = `user.slice/user-${uid}.slice`;
  const [pids, memory] = [`${cgroupRoot}/pids/${slice}`, `${cgroupRoot}/memory/${slice}`];
  const unified = `${cgroupRoot}/${slice}`;
  const kib = (bytes: number | null): number | null => (bytes === null ? null : bytes / 1024);
  return {
    tasks: {
      used: firstOf(`${unified}/pids.current`, `${pids}/pids.current`),
      limit: firstOf(`${unified}/pids.max`, `${pids}/pids.max`),
    },
    sliceMemoryKiB: {
      used: kib(firstOf(`${unified}/memory.current`, `${memory}/memory.usage_in_bytes`)),
      limit: kib(firstOf(`${unified}/memory.max`, `${memory}/memory.limit_in_bytes`)),
    },
    maxWatches: firstOf(`${procRoot}/sys/fs/inotify/max_user_watches`),
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
