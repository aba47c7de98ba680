/** What the page draws, as numbers: time columns, hosts side by side, how long orphans lived. */

import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { localDate } from "../../../core/text/format.ts";

/** Some days that share a column of a chart. */
export interface Column {
  /** The local date of its first day. */
  readonly from: string;
  readonly trees: number;
  readonly freedKiB: number;
}

export interface HostFigures {
  readonly host: string;
  readonly trees: number;
  readonly freedKiB: number;
  readonly users: number;
  /** Half of its orphans lived longer; null: of none it is known. Seconds. */
  readonly medianSeconds: number | null;
  /** Trees in each column of the page. */
  readonly columns: readonly number[];
}

export interface Lifetime {
  readonly label: string;
  readonly trees: number;
}

export interface Figures {
  readonly daysPerColumn: number;
  readonly columns: readonly Column[];
  readonly hosts: readonly HostFigures[];
  readonly lifetimes: readonly Lifetime[];
  readonly users: number;
}

/** More columns than this are too thin to see. */
const MAX_COLUMNS = 92;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LIFETIMES: readonly (readonly [string, number])[] = [
  ["under 10 min", 10 * MINUTE],
  ["to 1 h", HOUR],
  ["to 4 h", 4 * HOUR],
  ["to 1 day", DAY],
  ["to 3 days", 3 * DAY],
  ["longer", Number.POSITIVE_INFINITY],
];

/** Computes the figures of records between two moments, in milliseconds since the epoch. */
export function figuresOf(records: readonly LedgerRecord[], since: number, until: number): Figures {
  const days = daysBetween(since, until);
  const daysPerColumn = Math.ceil(days.length / MAX_COLUMNS);
  const columnOf = new Map(days.map((day, i) => [day, Math.floor(i / daysPerColumn)]));
  const columns = days
    .filter((_, i) => i % daysPerColumn === 0)
    .map((from) => ({ from, trees: 0, freedKiB: 0 }));
  const at = ({ epochMs }: LedgerRecord): number => columnOf.get(localDate(new Date(epochMs))) ?? -1;
  for (const record of records) {
    const column = columns[at(record)];
    if (column === undefined) continue;
    column.trees++;
    column.freedKiB += record.freedKiB;
  }
  const hosts = [...new Set(records.map(({ host }) => host))].sort().map((host) =>
    hostFigures(
      host,
      records.filter((record) => record.host === host),
      at,
      columns.length,
    ),
  );
  const users = new Set(records.map(({ user }) => user)).size;
  return { daysPerColumn, columns, hosts, lifetimes: lifetimesOf(records), users };
}

function hostFigures(
  host: string,
  records: readonly LedgerRecord[],
  at: (record: LedgerRecord) => number,
  count: number,
): HostFigures {
  const columns = Array.from({ length: count }, () => 0);
  for (const record of records) {
    const column = at(record);
    if (column >= 0) columns[column] = (columns[column] ?? 0) + 1;
  }
  return {
    host,
    trees: records.length,
    freedKiB: records.reduce((sum, { freedKiB }) => sum + freedKiB, 0),
    users: new Set(records.map(({ user }) => user)).size,
    medianSeconds: median(lifetimesKnown(records)),
    columns,
  };
}

const lifetimesKnown = (records: readonly LedgerRecord[]): number[] =>
  records.flatMap(({ unusedForSeconds }) => unusedForSeconds ?? []);

function lifetimesOf(records: readonly LedgerRecord[]): Lifetime[] {
  const known = lifetimesKnown(records);
  return LIFETIMES.map(([label, below], i) => {
    const from = LIFETIMES[i - 1]?.[1] ?? 0;
    return { label, trees: known.filter((seconds) => seconds >= from && seconds < below).length };
  });
}

function median(values: readonly number[]): number | null {
  return values.length === 0
    ? null
    : ([...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? null);
}

/** Local days: some have 23 or 25 hours, so that the calendar counts and not the clock. */
function daysBetween(since: number, until: number): string[] {
  const first = new Date(since);
  const last = localDate(new Date(until));
  const days: string[] = [];
  for (let i = 0; ; i++) {
    const day = localDate(new Date(first.getFullYear(), first.getMonth(), first.getDate() + i));
    if (day > last) return days;
    days.push(day);
  }
}
