/** What processes and trees cost their host, from what the kernel said of them. */

import type { Proc } from "../observation/process.ts";
import type { Tree } from "../tree/tree.ts";

/** Sums the resident memory of processes in KiB; a page that several of them share counts in each. */
export function memoryKiBOf(processes: readonly Proc[]): number {
  return processes.reduce((sum, { rssKiB }) => sum + rssKiB, 0);
}

export interface TreeCosts {
  /** With that of children that have ended. Null: not known of one process, and a part would pass for the whole. */
  readonly cpuSeconds: number | null;
  readonly memoryKiB: number;
  readonly processes: number;
  readonly threads: number;
}

/** Adds what the members of a tree cost. */
export function treeCosts({ members }: Pick<Tree, "members">, ticksPerSecond: number): TreeCosts {
  const isKnown = members.every(({ cpuTicks }) => cpuTicks !== undefined);
  const ticks = members.reduce((sum, { cpuTicks = 0 }) => sum + cpuTicks, 0);
  return {
    cpuSeconds: isKnown ? Math.round(ticks / ticksPerSecond) : null,
    memoryKiB: memoryKiBOf(members),
    processes: members.length,
    threads: members.reduce((sum, { threads }) => sum + threads, 0),
  };
}
