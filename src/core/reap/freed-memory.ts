/** What ended processes gave back. */

import type { Proc } from "../observation/process.ts";

/**
 * KiB given back: the resident memory of the processes as the sweep last read it, in which a page that three of them
 * share counts three times. `pss` and `mixed`: records of earlier versions, which counted shared pages once.
 */
export interface Freed {
  readonly kib: number;
  readonly by: "pss" | "rss" | "mixed";
}

/** Sums the resident memory of processes that are verified dead. */
export function freedBy(killed: readonly Proc[]): Freed {
  return { kib: killed.reduce((sum, { rssKiB }) => sum + rssKiB, 0), by: "rss" };
}
