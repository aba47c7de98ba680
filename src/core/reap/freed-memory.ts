/** What ended processes gave back. */

import type { Proc } from "../observation/process.ts";

/**
 * Sums the resident memory of processes that are verified dead, in KiB, as the sweep last read it: a page that three of
 * them share counts three times.
 */
export function freedKiBOf(killed: readonly Proc[]): number {
  return killed.reduce((sum, { rssKiB }) => sum + rssKiB, 0);
}
