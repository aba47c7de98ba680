import { parseDuration } from "../text/duration.ts";
import type { LedgerRecord } from "./record.ts";

/** What a ledger amounts to: totals, by product, user and reason, day by day, and who comes back. */

export interface Totals {
  readonly trees: number;
  readonly processes: number;
  readonly survivors: number;
  readonly freedKiB: number;
}

/** Totals of one product, user or reason. */
export interface Share extends Totals {
  readonly name: string;
}

/** A user whose trees were ended again and again. */
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
}

export interface Summary {
  readonly totals: Totals;
  readonly byProduct: readonly Share[];
  readonly byUser: readonly Share[];
  readonly byReason: readonly Share[];
  readonly offenders: readonly Offender[];
  readonly days: readonly Day[];
}

const REASON: Readonly<Record<LedgerRecord["kind"], string>> = {
  closed: "its session closed",
  aged: "no client, no tag",
  forced: "forced",
};

const MAX_OFFENDERS = 10;

/** Which records count: from `since` on (milliseconds; null: all), of these users by name or uid (null: all). */
export interface Choice {
  readonly since: number | null;
  readonly users: readonly string[] | null;
}

/** The chosen ones in order, each once: a file and its rotated copy may both be at hand for a moment. */
export function chooseRecords(records: readonly LedgerRecord[], { since, users }: Choice): LedgerRecord[] {
  const chosen = records.filter(
    ({ epochMs, user, uid }) =>
      (since === null || epochMs >= since) &&
      (users === null || users.includes(user) || users.includes(String(uid))),
  );
  return [...new Map(chosen.map((one) => [one.id, one])).values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The time that `30d` or `2027-01-31` (local midnight) means, in milliseconds; null: it means none. */
export function sinceOf(text: string, now: number): number | null {
  const duration = parseDuration(text);
  if (duration !== null) return now - duration;
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)?.slice(1).map(Number);
  if (!parts) return null;
  const [year = 0, month = 0, day = 0] = parts;
  const date = new Date(year, month - 1, day);
  return date.getMonth() === month - 1 && date.getDate() === day ? date.getTime() : null;
}

/** `until`: the last day shown, in milliseconds. */
export function summarise(records: readonly LedgerRecord[], choice: Choice, until: number): Summary {
  return {
    totals: totalsOf(records),
    byProduct: sharesBy(records, ({ product }) => product),
    byUser: sharesBy(records, ({ user }) => user),
    byReason: sharesBy(records, ({ kind }) => REASON[kind]),
    offenders: offendersIn(records),
    days: daysOf(records, choice.since, until),
  };
}

function totalsOf(records: readonly LedgerRecord[]): Totals {
  const sum = (pick: (one: LedgerRecord) => number): number =>
    records.reduce((total, one) => total + pick(one), 0);
  return {
    trees: records.length,
    processes: sum(({ killed }) => killed),
    survivors: sum(({ survivors }) => survivors),
    freedKiB: sum(({ freedKiB }) => freedKiB),
  };
}

function groupBy(
  records: readonly LedgerRecord[],
  nameOf: (one: LedgerRecord) => string,
): Map<string, LedgerRecord[]> {
  const groups = new Map<string, LedgerRecord[]>();
  for (const one of records) {
    const group = groups.get(nameOf(one));
    if (group) group.push(one);
    else groups.set(nameOf(one), [one]);
  }
  return groups;
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function sharesBy(records: readonly LedgerRecord[], nameOf: (one: LedgerRecord) => string): Share[] {
  return [...groupBy(records, nameOf)]
    .map(([name, group]): Share => ({ name, ...totalsOf(group) }))
    .sort((a, b) => b.trees - a.trees || b.freedKiB - a.freedKiB || byName(a.name, b.name));
}

/** Twice and more, those of the most days first: one bad day is an accident, many are a habit. */
function offendersIn(records: readonly LedgerRecord[]): Offender[] {
  return [...groupBy(records, ({ user }) => user)]
    .filter(([, group]) => group.length > 1)
    .map(
      ([user, group]): Offender => ({
        user,
        trees: group.length,
        days: new Set(group.map(({ epochMs }) => dayOf(new Date(epochMs)))).size,
        freedKiB: totalsOf(group).freedKiB,
        products: [...new Set(group.map(({ product }) => product))].sort(byName),
      }),
    )
    .sort((a, b) => b.days - a.days || b.trees - a.trees || byName(a.user, b.user))
    .slice(0, MAX_OFFENDERS);
}

/** Every day from the first that counts to the last, quiet ones as well. */
function daysOf(records: readonly LedgerRecord[], since: number | null, until: number): Day[] {
  const counts = new Map<string, number>();
  for (const { epochMs } of records) {
    const day = dayOf(new Date(epochMs));
    counts.set(day, (counts.get(day) ?? 0) + 1);
  }
  const times = records.map(({ epochMs }) => epochMs);
  const first = since ?? times.reduce((least, time) => Math.min(least, time), until);
  const last = times.reduce((most, time) => Math.max(most, time), until);
  const days: Day[] = [];
  const end = dayOf(new Date(last));
  // Local days: some have 23 or 25 hours, so the calendar is asked and not the clock.
  for (let at = midnight(first, 0); ; at = midnight(at.getTime(), 1)) {
    const day = dayOf(at);
    if (day > end) return days;
    days.push({ day, trees: counts.get(day) ?? 0 });
  }
}

function midnight(ms: number, days: number): Date {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
}

function dayOf(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
