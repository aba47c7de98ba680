/** What a tree costs its host, from what the kernel said of its processes. */

import type { Tree } from "../tree/tree.ts";

export interface TreeCosts {
  /** With that of children that have ended. Null: not known of one process, and a part would pass for the whole. */
  readonly cpuSeconds: number | null;
  /** Resident; a page that several processes share counts in each. */
  readonly memoryKiB: number;
  readonly processes: number;
  readonly threads: number;
}

/** Adds what the members of a tree cost. */
export function treeCosts({ members }: Tree, ticksPerSecond: number): TreeCosts {
  const sum = (pick: (one: Tree["root"]) => number): number =>
    members.reduce((total, one) => total + pick(one), 0);
  const isKnown = members.every(({ cpuTicks }) => cpuTicks !== undefined);
  return {
    cpuSeconds: isKnown ? Math.round(sum(({ cpuTicks = 0 }) => cpuTicks) / ticksPerSecond) : null,
    memoryKiB: sum(({ rssKiB }) => rssKiB),
    processes: members.length,
    threads: sum(({ threads }) => threads),
  };
}
