import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { countOf, formatMemory, localMinute } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Column } from "../text/shown.ts";
import type { Day, GroupTotals, Offender, Summary, Totals } from "./summary.ts";

/** Formats a summary for people: the rows of its tables and a bar per day. */

/** Formats the totals as one line. */
export function totalsLine({ trees, processes, survivors, freedKiB }: Totals): string {
  const survived = survivors > 0 ? `; ${countOf(survivors, "process", "processes")} survived` : "";
  return `${countOf(trees, "tree")}, ${countOf(processes, "process", "processes")}, ${formatMemory(freedKiB)} given back${survived}`;
}

/** A column of numbers. */
export const numbers = <Row>(head: string, of: (row: Row) => number): Column<Row> => ({
  head,
  right: true,
  of: (row) => String(of(row)),
});
export const TREES = numbers("Trees", ({ trees }: { readonly trees: number }) => trees);
export const FREED: Column<{ readonly freedKiB: number }> = {
  head: "Freed",
  right: true,
  of: ({ freedKiB }) => formatMemory(freedKiB),
};

/** The columns of totals by `name`. */
export const totalsColumns = (name: string): Column<GroupTotals>[] => [
  { head: name, of: (row) => escapeText(row.name) },
  TREES,
  numbers("Processes", ({ processes }) => processes),
  numbers("Survived", ({ survivors }) => survivors),
  FREED,
];

/** The columns of users with several trees. */
export const offenderColumns = (user: string): Column<Offender>[] => [
  { head: user, of: (row) => escapeText(row.user) },
  TREES,
  numbers("Days", ({ days }) => days),
  FREED,
  { head: "Products", of: ({ products }) => escapeText(products.join(", ")) },
];

/** Sums up what observing sweeps would have ended. */
export function wouldLine(records: readonly LedgerRecord[], since: number): string {
  const from = `since ${localMinute(since)}`;
  if (records.length === 0) return `Sweeps would have ended nothing ${from}.`;
  const users = new Set(records.map(({ user }) => user)).size;
  const memory = formatMemory(records.reduce((sum, { freedKiB }) => sum + freedKiB, 0));
  const trees = `${countOf(records.length, "tree")} of ${countOf(users, "user")} (${memory})`;
  return `Sweeps would have ended ${trees} ${from}; which: vscode-grim-reaper report --would`;
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

/** What the chart of days can use. */
export interface ChartSize {
  /** Columns of the terminal. */
  readonly width: number;
  /** Whether the terminal shows block characters. */
  readonly blocks: boolean;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;
const MIN_BAR = 8;

/** Formats one line per day on which trees were ended, `2027-01-31   12 ██████▌`, never wider than the terminal. */
export function dayLines(
  days: readonly Pick<Day, "day" | "trees">[],
  { width, blocks }: ChartSize,
): string[] {
  const most = days.reduce((max, { trees }) => Math.max(max, trees), 0);
  const digits = Math.max(String(most).length, 4);
  const room = Math.max(width - "2027-01-31".length - digits - 2, MIN_BAR);
  const busy = days.filter(({ trees }) => trees > 0);
  return busy.map(({ day, trees }) => {
    const bar = barOf((trees / most) * room, blocks);
    return `${day} ${String(trees).padStart(digits)} ${bar}`.trimEnd();
  });
}

/** Draws a bar; any length above 0 shows at least one mark. */
function barOf(length: number, blocks: boolean): string {
  if (length === 0) return "";
  if (!blocks) return "#".repeat(Math.max(1, Math.floor(length)));
  const eighths = Math.max(1, Math.floor(length * 8));
  return "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}

/** Makes the document that `report --json` prints. */
export function summaryDocument(
  summary: Summary,
  read: { readonly files: readonly string[]; readonly badLines: number; readonly since: number },
): Record<string, unknown> {
  const { files, badLines, since } = read;
  return { schemaVersion: 1, since: new Date(since).toISOString(), files, badLines, ...summary };
}
