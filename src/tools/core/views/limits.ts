/** How near a user is to the limits that the host sets to `user-UID.slice`. */

import { formatMemory } from "../../../core/text/format.ts";

/** A number and the limit that the kernel sets to it; null: no limit, or not read. */
export type Use = { readonly used: number | null; readonly limit: number | null };

/** `tasks`: processes and threads of the slice; `memoryKiB`: its memory, file cache included. */
export type UserLimits = { readonly uid: number; readonly tasks: Use; readonly memoryKiB: Use };

/** A line for each limit of a user. */
export function limitLines({ tasks, memoryKiB }: UserLimits): string[] {
  const rows: readonly (readonly [string, Use, (value: number) => string])[] = [
    ["tasks (pids.max)", tasks, String],
    ["memory (memory.max)", memoryKiB, (kib) => formatMemory(Math.round(kib))],
  ];
  return rows.flatMap(([name, { used, limit }, format]) => {
    if (used === null || !limit) return [];
    return [`${format(used)} of ${format(limit)} ${name}, ${Math.round((used / limit) * 100)} %`];
  });
}
