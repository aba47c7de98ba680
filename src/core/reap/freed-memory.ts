/** What ended processes gave back, from what they weighed right before the first signal. */

import { keyOf, type Proc, type ProcId } from "../observation/process.ts";

/**
 * KiB given back. `pss`: each page shared counted once (proc_pid_smaps(5)); `rss`: resident memory, in which a page that
 * three processes share counts three times; `mixed`: some of each.
 */
export interface Freed {
  readonly kib: number;
  readonly by: "pss" | "rss" | "mixed";
}

/** One process's proportional set size; null: it could not be read. */
export interface Pss extends ProcId {
  readonly pssKiB: number | null;
}

/** By `keyOf`, only what could be read. */
export function weightsOf(results: readonly Pss[]): ReadonlyMap<string, number> {
  return new Map(results.flatMap((one) => (one.pssKiB === null ? [] : [[keyOf(one), one.pssKiB] as const])));
}

/** Of processes verified dead; what nobody weighed in time counts with its resident memory. */
export function freedBy(killed: readonly Proc[], weights: ReadonlyMap<string, number>): Freed {
  const weighed = killed.filter((process) => weights.has(keyOf(process))).length;
  const kib = killed.reduce((sum, process) => sum + (weights.get(keyOf(process)) ?? process.rssKiB), 0);
  return { kib, by: weighed === 0 ? "rss" : weighed === killed.length ? "pss" : "mixed" };
}
