/** What trees cost their host and how near their users are to the limits that the host sets them. */

import type { Tree } from "../tree/tree.ts";

/** What one process costs. A number that could not be read, or was not in time, is null. */
export interface ProcessCosts {
  /** Of the process and of its children that have ended. */
  readonly cpuMs: number | null;
  readonly inotifyWatches: number | null;
}

export interface TreeCosts {
  readonly cpuSeconds: number | null;
  /** Resident; a page that several processes share counts in each. */
  readonly memoryKiB: number;
  readonly processes: number;
  readonly threads: number;
  readonly inotifyWatches: number | null;
}

/** A number and the limit that the kernel sets to it; null: no limit, or not read. */
export interface Use {
  readonly used: number | null;
  readonly limit: number | null;
}

/** What a user has, as the kernel counts it for `user-UID.slice`, and their trees as far as a sweep reads them. */
export interface UserCosts {
  readonly uid: number;
  readonly trees: number;
  readonly cpuSeconds: number | null;
  readonly memoryKiB: number;
  readonly processes: number;
  /** Processes and threads of the slice. */
  readonly tasks: Use;
  /** Memory of the slice in KiB, file cache included. */
  readonly sliceMemoryKiB: Use;
  /** Of the user's trees alone: the kernel does not report how many a user has in all. */
  readonly inotifyWatches: Use;
}

/** Adds what the members of a tree cost. `costs` is in the order of the members. */
export function treeCosts({ members }: Tree, costs: readonly (ProcessCosts | undefined)[]): TreeCosts {
  const cpuMs = sumOf(members.map((_, i) => costs[i]?.cpuMs ?? null));
  return {
    cpuSeconds: cpuMs === null ? null : Math.round(cpuMs / 1000),
    memoryKiB: members.reduce((sum, { rssKiB }) => sum + rssKiB, 0),
    processes: members.length,
    threads: members.reduce((sum, { threads }) => sum + threads, 0),
    inotifyWatches: sumOf(members.map((_, i) => costs[i]?.inotifyWatches ?? null)),
  };
}

/** What the kernel says of a user's slice. */
export interface Slice {
  readonly tasks: Use;
  readonly sliceMemoryKiB: Use;
  readonly maxWatches: number | null;
}

/** Adds what a user's trees cost. */
export function userCosts(uid: number, trees: readonly TreeCosts[], slice: Slice): UserCosts {
  return {
    uid,
    trees: trees.length,
    cpuSeconds: sumOf(trees.map(({ cpuSeconds }) => cpuSeconds)),
    memoryKiB: trees.reduce((sum, { memoryKiB }) => sum + memoryKiB, 0),
    processes: trees.reduce((sum, { processes }) => sum + processes, 0),
    tasks: slice.tasks,
    sliceMemoryKiB: slice.sliceMemoryKiB,
    inotifyWatches: {
      used: sumOf(trees.map(({ inotifyWatches }) => inotifyWatches)),
      limit: slice.maxWatches,
    },
  };
}

/** Null as soon as one part is unknown: a sum of what was read would pass for the whole. */
function sumOf(parts: readonly (number | null)[]): number | null {
  return parts.reduce<number | null>((sum, part) => (sum === null || part === null ? null : sum + part), 0);
}

/** The share of a limit that is used; null where there is no limit or nothing was read. */
export function shareOf({ used, limit }: Use): number | null {
  return used === null || limit === null || limit === 0 ? null : used / limit;
}

/** From this share on a user is near a limit. */
export const NEAR = 0.8;

/** All costs of one look. Trees are in the order in which they were given. */
export interface Costs {
  readonly trees: readonly TreeCosts[];
  readonly users: readonly UserCosts[];
}
