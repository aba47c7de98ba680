import { formatMemory } from "../text/format.ts";
import { escapeText } from "../text/safe-text.ts";
import type { Day, Offender, Share, Summary, Totals } from "./summary.ts";

/** A summary as text for people: tables as rows, a bar a day. */

export const SHARE_COLUMNS = ["TREES", "PROCESSES", "SURVIVED", "FREED"] as const;
export const OFFENDER_HEAD = ["COMES BACK", "TREES", "DAYS", "FREED", "PRODUCTS"] as const;

export function totalsLine({ trees, processes, survivors, freedKiB }: Totals): string {
  const withstood = survivors > 0 ? `; ${survivors} process(es) survived` : "";
  return `${trees} tree(s), ${processes} process(es), ${formatMemory(freedKiB)} given back${withstood}`;
}

export function shareRow({ name, trees, processes, survivors, freedKiB }: Share): string[] {
  return [escapeText(name), ...[trees, processes, survivors].map(String), formatMemory(freedKiB)];
}

export function offenderRow({ user, trees, days, freedKiB, products }: Offender): string[] {
  return [
    escapeText(user),
    String(trees),
    String(days),
    formatMemory(freedKiB),
    escapeText(products.join(", ")),
  ];
}

export interface Canvas {
  /** Columns. */
  readonly width: number;
  /** The terminal shows block characters. */
  readonly blocks: boolean;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;
const MIN_BAR = 8;

/** `2027-01-31   12 ██████▌`: no line is wider than the canvas, however many trees a day had. */
export function dayLines(days: readonly Day[], { width, blocks }: Canvas): string[] {
  const most = days.reduce((max, { trees }) => Math.max(max, trees), 0);
  const digits = Math.max(String(most).length, 4);
  const room = Math.max(width - "2027-01-31".length - digits - 2, MIN_BAR);
  return days.map(({ day, trees }) => {
    const bar = barOf(most === 0 ? 0 : (trees / most) * room, blocks);
    return `${day} ${String(trees).padStart(digits)} ${bar}`.trimEnd();
  });
}

/** At least a sign for what is more than nothing. */
function barOf(length: number, blocks: boolean): string {
  if (length === 0) return "";
  if (!blocks) return "#".repeat(Math.max(1, Math.floor(length)));
  const eighths = Math.max(1, Math.floor(length * 8));
  return "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}

/** For --json. */
export function summaryDocument(
  summary: Summary,
  read: { readonly files: readonly string[]; readonly badLines: number; readonly since: number | null },
): Record<string, unknown> {
  const { files, badLines, since } = read;
  return {
    schemaVersion: 1,
    since: since === null ? null : new Date(since).toISOString(),
    files,
    badLines,
    ...summary,
  };
}
