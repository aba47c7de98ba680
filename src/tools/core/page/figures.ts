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
  return days.flatMap(({ day }, i) => {
    if (i % per !== 0) return [];
    const shared = days.slice(i, i + per);
    const sum = (pick: (one: Day) => number): number => shared.reduce((total, one) => total + pick(one), 0);
    return [{ day, trees: sum(({ trees }) => trees), freedKiB: sum(({ freedKiB }) => freedKiB) }];
  });
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
export function lifetimesOf(records: readonly LedgerRecord[]): { label: string; trees: number }[] {
  const seconds = known(records);
  const below = (limit: number): number => seconds.filter((one) => one < limit).length;
  return LIFETIMES.map(([label, limit], i) => ({
    label,
    trees: below(limit) - below(LIFETIMES[i - 1]?.[1] ?? 0),
  }));
}

/** The median in seconds; null: it is known of none. */
export function medianLifetime(records: readonly LedgerRecord[]): number | null {
  const seconds = known(records);
  return seconds[Math.floor((seconds.length - 1) / 2)] ?? null;
}
