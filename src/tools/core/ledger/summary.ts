import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { parseDuration } from "../../../core/text/duration.ts";
import { localDate } from "../../../core/text/format.ts";
import { groupBy } from "../../../core/text/group-by.ts";

/** Sums up a ledger: totals, by product, user, host, reason and day. */

export type Totals = ReturnType<typeof totalsOf>;
/** Totals of one product, user, host, reason or day. */
export type GroupTotals = Totals & { readonly name: string };
export type Summary = ReturnType<typeof summarise>;

/**
 * Chooses the records from a moment on, of these users, given by name or uid (absent: all), and sorts them. Each counts
 * once: during a rotation a file and its copy may both exist. `would`: of the trees that observing sweeps would have
 * ended, each once with what the newest one found.
 */
export function chooseRecords(
  records: readonly LedgerRecord[],
  since: number,
  users?: readonly string[],
  would = false,
): LedgerRecord[] {
  const chosen = records.filter(
    ({ epochMs, user, uid, ...one }) =>
      one.would === would &&
      epochMs >= since &&
      (users === undefined || users.includes(user) || users.includes(String(uid))),
  );
  chosen.sort((a, b) => a.epochMs - b.epochMs);
  // A tree that survived one sweep may have a record of the next one as well.
  const keyOf = ({ host, bootId, root, epochMs }: LedgerRecord): string =>
    `${host} ${bootId} ${root.pid} ${root.startTime}${would ? "" : ` ${epochMs}`}`;
  return [...new Map(chosen.map((one) => [keyOf(one), one])).values()];
}

/** Reads "30d" or "2027-01-31" (local midnight) as milliseconds since the epoch; null if it is neither. */
export function sinceOf(text: string, now: number): number | null {
  const duration = parseDuration(text);
  if (duration !== null) return now - duration;
  const date = new Date(`${text}T00:00`);
  return Number.isFinite(date.getTime()) && localDate(date) === text ? date.getTime() : null;
}

/** Sums up records. Days on which nothing was ended are left out. */
export function summarise(records: readonly LedgerRecord[]) {
  const dayOf = ({ epochMs }: LedgerRecord): string => localDate(new Date(epochMs));
  return {
    totals: totalsOf(records),
    byProduct: totalsBy(records, ({ product }) => product),
    byUser: totalsBy(records, ({ user }) => user),
    byHost: totalsBy(records, ({ host }) => host),
    byReasonCode: totalsBy(records, ({ reasonCode }) => reasonCode),
    byDay: totalsBy(records, dayOf).sort((a, b) => a.name.localeCompare(b.name)),
  };
}

/** Adds up what records say. */
export function totalsOf(records: readonly LedgerRecord[]) {
  const sum = (pick: (one: LedgerRecord) => number): number =>
    records.reduce((total, one) => total + pick(one), 0);
  return {
    trees: records.length,
    processes: sum(({ killed }) => killed),
    survivors: sum(({ survivors }) => survivors),
    freedKiB: sum(({ freedKiB }) => freedKiB),
  };
}

function totalsBy(records: readonly LedgerRecord[], nameOf: (one: LedgerRecord) => string): GroupTotals[] {
  const groups = [...groupBy(records, nameOf)].map(([name, group]) => ({ name, ...totalsOf(group) }));
  return groups.sort((a, b) => b.trees - a.trees || b.freedKiB - a.freedKiB || a.name.localeCompare(b.name));
}
