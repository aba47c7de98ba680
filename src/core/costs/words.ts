/** Costs in words, for `list`, `explain` and notices. */

import { formatDuration } from "../text/duration.ts";
import { countOf, formatMemory } from "../text/format.ts";
import { NEAR, shareOf, type TreeCosts, type Use, type UserCosts } from "./costs.ts";

/** "3h2m of CPU time, 24 processes, 310 threads, 52311 file watches". What is unknown is left out. */
export function costsInWords({ cpuSeconds, processes, threads, inotifyWatches }: TreeCosts): string {
  return [
    ...(cpuSeconds === null ? [] : [`${formatDuration(cpuSeconds * 1000)} of CPU time`]),
    countOf(processes, "process", "processes"),
    countOf(threads, "thread"),
    ...(inotifyWatches === null ? [] : [countOf(inotifyWatches, "file watch", "file watches")]),
  ].join(", ");
}

/** A line for each limit of a user; `least`: only those of which this share is used. */
export function limitLines({ tasks, sliceMemoryKiB, inotifyWatches }: UserCosts, least = NEAR): string[] {
  const rows: readonly (readonly [string, Use, (value: number) => string])[] = [
    ["tasks (pids.max)", tasks, String],
    ["memory (memory.max)", sliceMemoryKiB, (kib) => formatMemory(Math.round(kib))],
    ["file watches in trees (fs.inotify.max_user_watches)", inotifyWatches, String],
  ];
  return rows.flatMap(([name, use, format]) => {
    const share = shareOf(use);
    if (share === null || share < least || use.used === null || use.limit === null) return [];
    return [`${format(use.used)} of ${format(use.limit)} ${name}, ${Math.round(share * 100)} %`];
  });
}
