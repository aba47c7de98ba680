import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { parseDuration } from "../../../core/text/duration.ts";
import { localDate } from "../../../core/text/format.ts";
import { groupBy } from "../../../core/text/group-by.ts";

/** Sums up a ledger: totals, by product, user and reason, per day, and the users whose trees keep coming back. */

export interface Totals {
  readonly trees: number;
  readonly processes: number;
  readonly survivors: number;
  readonly freedKiB: number;
}

/** Totals of one product, user or reason. */
export interface GroupTotals extends Totals {
  readonly name: string;
}

/** A user with more than one ended tree. */
export interface Offender {
  readonly user: string;
  readonly trees: number;
  readonly days: number;
  readonly freedKiB: number;
  readonly products: readonly string[];
}

export interface Day {
  /** Local date. */
  readonly day: string;
  readonly trees: number;
  readonly freedKiB: number;
}

export interface Summary {
  readonly totals: Totals;
  readonly byProduct: readonly GroupTotals[];
  readonly byUser: readonly GroupTotals[];
  readonly byReasonCode: readonly GroupTotals[];
  readonly offenders: readonly Offender[];
  readonly days: readonly Day[];
}

const MAX_OFFENDERS = 10;

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
  chosen.sort((a, b) => (a.id < b.id ? -1 : 1));
  const keyOf = ({ id, host, bootId, root }: LedgerRecord): string =>
    would ? `${host} ${bootId} ${root.pid} ${root.startTime}` : id;
  return [...new Map(chosen.map((one) => [keyOf(one), one])).values()];
}

/** Reads "30d" or "2027-01-31" (local midnight) as milliseconds since the epoch; null if it is neither. */
export function sinceOf(text: string, now: number): number | null {
  const duration = parseDuration(text);
  if (duration !== null) return now - duration;
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)?.slice(1).map(Number);
  if (!parts) return null;
  const [year = 0, month = 0, day = 0] = parts;
  const date = new Date(year, month - 1, day);
  return date.getMonth() === month - 1 && date.getDate() === day ? date.getTime() : null;
}

/** Sums up records. The days are those from `since` to `until`, in milliseconds since the epoch. */
export function summarise(records: readonly LedgerRecord[], since: number, until: number): Summary {
  return {
    totals: totalsOf(records),
    byProduct: totalsBy(records, ({ product }) => product),
    byUser: totalsBy(records, ({ user }) => user),
    byReasonCode: totalsBy(records, ({ reasonCode }) => reasonCode),
    offenders: offendersIn(records),
    days: daysOf(records, since, until),
  };
}

/** Adds up what records say. */
export function totalsOf(records: readonly LedgerRecord[]): Totals {
  const sum = (pick: (one: LedgerRecord) => number): number =>
    records.reduce((total, one) => total + pick(one), 0);
  return {
    trees: records.length,
    processes: sum(({ killed }) => killed),
    survivors: sum(({ survivors }) => survivors),
    freedKiB: sum(({ freedKiB }) => freedKiB),
  };
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function totalsBy(records: readonly LedgerRecord[], nameOf: (one: LedgerRecord) => string): GroupTotals[] {
  return [...groupBy(records, nameOf)]
    .map(([name, group]): GroupTotals => ({ name, ...totalsOf(group) }))
    .sort((a, b) => b.trees - a.trees || b.freedKiB - a.freedKiB || byName(a.name, b.name));
}

/** Lists users with more than one ended tree. Days count first: one bad day is an accident, many are a habit. */
function offendersIn(records: readonly LedgerRecord[]): Offender[] {
  return [...groupBy(records, ({ user }) => user)]
    .filter(([, group]) => group.length > 1)
    .map(
      ([user, group]): Offender => ({
        user,
        trees: group.length,
        days: new Set(group.map(({ epochMs }) => localDate(new Date(epochMs)))).size,
        freedKiB: totalsOf(group).freedKiB,
        products: [...new Set(group.map(({ product }) => product))].sort(byName),
      }),
    )
    .sort((a, b) => b.days - a.days || b.trees - a.trees || byName(a.user, b.user))
    .slice(0, MAX_OFFENDERS);
}

/** Lists every day from the first to the last, including days on which nothing was ended. */
function daysOf(records: readonly LedgerRecord[], since: number, until: number): Day[] {
  const byDay = groupBy(records, ({ epochMs }) => localDate(new Date(epochMs)));
  // The clock of a host may be ahead.
  const last = records.reduce((most, { epochMs }) => Math.max(most, epochMs), until);
  const days: Day[] = [];
  const end = localDate(new Date(last));
  // A local day can have 23 or 25 hours, so the loop adds calendar days, not milliseconds.
  for (let at = midnight(since, 0); ; at = midnight(at.getTime(), 1)) {
    const day = localDate(at);
    if (day > end) return days;
    const { trees, freedKiB } = totalsOf(byDay.get(day) ?? []);
    days.push({ day, trees, freedKiB });
  }
}

function midnight(ms: number, days: number): Date {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
}
