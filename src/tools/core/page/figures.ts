/** What the page draws, as numbers: days that share a column, and how long orphans lived. */

import type { LedgerRecord } from "../../../core/ledger/record.ts";
import type { Day } from "../ledger/summary.ts";

/** More columns than this are too thin to see. */
const MAX_COLUMNS = 92;

/** How many days share a column of a chart. */
export const daysPerColumn = (days: number): number => Math.max(1, Math.ceil(days / MAX_COLUMNS));

/** Adds up days by column; each has the date of its first day. */
export function columnsOf(days: readonly Day[]): Day[] {
  const per = daysPerColumn(days.length);
  const sums: Day[] = [];
  days.forEach(({ day, trees, freedKiB }, i) => {
    const last = sums.at(-1);
    if (last === undefined || i % per === 0) sums.push({ day, trees, freedKiB });
    else
      sums[sums.length - 1] = {
        day: last.day,
        trees: last.trees + trees,
        freedKiB: last.freedKiB + freedKiB,
      };
  });
  return sums;
}

const HOUR = 3600;
const LIFETIMES: readonly (readonly [label: string, below: number])[] = [
  ["under 10 min", 600],
  ["to 1 h", HOUR],
  ["to 4 h", 4 * HOUR],
  ["to 1 day", 24 * HOUR],
  ["to 3 days", 72 * HOUR],
  ["longer", Number.POSITIVE_INFINITY],
];

const known = (records: readonly LedgerRecord[]): number[] =>
  records.flatMap(({ unusedForSeconds }) => unusedForSeconds ?? []).sort((a, b) => a - b);

/** Counts trees by how long they lived as orphans, where it is known. */
export function lifetimesOf(records: readonly LedgerRecord[]): (readonly [label: string, trees: number])[] {
  const seconds = known(records);
  const below = (limit: number): number => seconds.filter((one) => one < limit).length;
  return LIFETIMES.map(([label, limit], i) => [label, below(limit) - below(LIFETIMES[i - 1]?.[1] ?? 0)]);
}

/** Half of the orphans lived longer; null: of none it is known. Seconds. */
export function medianLifetime(records: readonly LedgerRecord[]): number | null {
  const seconds = known(records);
  return seconds[Math.floor((seconds.length - 1) / 2)] ?? null;
}
