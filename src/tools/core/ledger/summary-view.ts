import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { countOf, formatMemory, localMinute } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Column } from "../text/shown.ts";
import { type GroupTotals, type Summary, type Totals, totalsOf } from "./summary.ts";

/** What `report` shows of a summary: the same tables on a terminal and on the page. */

/** Formats the totals as one line. */
export function totalsLine({ trees, processes, survivors, freedKiB }: Totals): string {
  const survived = survivors > 0 ? `; ${countOf(survivors, "process", "processes")} survived` : "";
  return `${countOf(trees, "tree")}, ${countOf(processes, "process", "processes")}, ${formatMemory(freedKiB)} given back${survived}`;
}

/** Formats one table. */
export type Render = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]) => string;

/** Formats the tables of a summary in their order. */
export function summaryTables(summary: Summary, render: Render): string[] {
  const groups: readonly (readonly [string, readonly GroupTotals[]])[] = [
    ["Product", summary.byProduct],
    ["User", summary.byUser],
    ["Host", summary.byHost],
    ["Reason", summary.byReasonCode],
    ["Day", summary.byDay],
  ];
  return groups.map(([name, rows]) => render(totalsColumns(name, rows), rows));
}

/** The longest bar of a table, in characters. */
const BAR = 20;

function totalsColumns(name: string, rows: readonly GroupTotals[]): Column<GroupTotals>[] {
  const most = rows.reduce((max, { trees }) => Math.max(max, trees), 1);
  return [
    { head: name, of: (row) => escapeText(row.name) },
    { head: "Trees", right: true, of: ({ trees }) => String(trees) },
    { head: "Processes", right: true, of: ({ processes }) => String(processes) },
    { head: "Survived", right: true, of: ({ survivors }) => String(survivors) },
    { head: "Freed", right: true, of: ({ freedKiB }) => formatMemory(freedKiB) },
    { head: "", of: ({ trees }) => "#".repeat(Math.ceil((trees / most) * BAR)) },
  ];
}

/** Sums up what observing sweeps would have ended. */
export function wouldLine(records: readonly LedgerRecord[], since: number): string {
  const from = `since ${localMinute(since)}`;
  if (records.length === 0) return `Sweeps would have ended nothing ${from}.`;
  const users = new Set(records.map(({ user }) => user)).size;
  const memory = formatMemory(totalsOf(records).freedKiB);
  const trees = `${countOf(records.length, "tree")} of ${countOf(users, "user")} (${memory})`;
  return `Sweeps would have ended ${trees} ${from}`;
}

/** The columns of trees that observing sweeps would have ended. */
export const WOULD_COLUMNS: readonly Column<LedgerRecord>[] = [
  { head: "User", of: ({ user }) => escapeText(user) },
  { head: "Product", of: ({ product }) => escapeText(product) },
  { head: "Pid", right: true, of: ({ root }) => String(root.pid) },
  { head: "Memory", right: true, of: ({ freedKiB }) => formatMemory(freedKiB) },
  {
    head: "Unused since",
    of: ({ epochMs, unusedForSeconds }) =>
      unusedForSeconds === null ? "-" : localMinute(epochMs - unusedForSeconds * 1000),
  },
  { head: "Host", of: ({ host }) => escapeText(host) },
  { head: "Reason", of: ({ reasons }) => escapeText(reasons.join("; ")) },
];
