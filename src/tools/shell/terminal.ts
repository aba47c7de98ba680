/** Prints tables and colours on a terminal, and plain text elsewhere. */

import { styleText } from "node:util";
import { type Paint, plain } from "../../core/text/format.ts";

/** Returns a function that colours text if standard output is a terminal that shows colours. It respects NO_COLOR. */
export function painter(): Paint {
  const wanted = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return wanted ? (style, text) => styleText(style, text) : plain;
}

/** A column of a table; text stands to the left. */
export interface TableColumn {
  readonly head: string;
  readonly align?: "left" | "right";
  /** Set where a narrow terminal may leave the column out, the lowest first. */
  readonly rank?: number;
}

/** Makes columns of their heads: the first is text, the others are numbers. */
export const countColumns = (heads: readonly string[]): TableColumn[] =>
  heads.map((head, i) => ({ head, align: i === 0 ? "left" : "right" }));

/**
 * Formats aligned columns without borders, as ps does. On a terminal the last column is cut with an ellipsis at the edge,
 * as loginctl does, and columns with a rank are left out where it would become too narrow; `full` shows everything.
 */
export async function renderTable(
  allColumns: readonly TableColumn[],
  allRows: readonly (readonly string[])[],
  full = false,
): Promise<string> {
  const width = !full && process.stdout.isTTY ? process.stdout.columns : 0;
  const { columns, rows } =
    width > 0
      ? fitting({ columns: allColumns, rows: allRows }, width)
      : { columns: allColumns, rows: allRows };
  // Loaded here because a sweep prints no table.
  const { default: Table } = await import("cli-table3");
  const none = Object.fromEntries(
    ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"]
      .concat(["left", "left-mid", "mid", "mid-mid", "right", "right-mid"])
      .map((place) => [place, ""]),
  );
  const room = width > 0 ? roomForLast({ columns, rows }, width) : null;
  const table = new Table({
    head: columns.map(({ head }) => head),
    colAligns: columns.map(({ align = "left" }) => align),
    ...(room !== null && { colWidths: [...columns.slice(1).map(() => null), room] }),
    chars: { ...none, middle: "  " },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  return `${table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")}\n`;
}

interface Cells {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly string[])[];
}

/** The last column is cut to no less. */
const MIN_LAST = 12;
/** Columns are left out until the last one, which says why, has so much room. */
const GOOD_LAST = 60;

const widthsOf = ({ columns, rows }: Cells): number[] =>
  columns.map(({ head }, i) =>
    rows.reduce((most, row) => Math.max(most, visibleLength(row[i] ?? "")), head.length),
  );

/** Leaves out columns until the last one has room enough, or none may go. */
function fitting(cells: Cells, width: number): Cells {
  const ranks = cells.columns.flatMap(({ rank }) => rank ?? []);
  const room = roomForLast(cells, width);
  if (room === null || room >= GOOD_LAST || ranks.length === 0) return cells;
  const least = cells.columns.findIndex(({ rank }) => rank === Math.min(...ranks));
  const without = <T>(all: readonly T[]): T[] => all.filter((_, i) => i !== least);
  return fitting({ columns: without(cells.columns), rows: cells.rows.map(without) }, width);
}

/** Returns how wide the last column may be on this terminal; null if everything fits. */
function roomForLast(cells: Cells, width: number): number | null {
  const widths = widthsOf(cells);
  const others = widths.slice(0, -1).reduce((sum, one) => sum + one + 2, 0);
  const room = Math.max(width - others, MIN_LAST);
  return (widths.at(-1) ?? 0) > room ? room : null;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
const visibleLength = (text: string): number => Array.from(text.replace(/\x1b\[[\d;]*m/g, "")).length;

/** Breaks lines at words so that they fit the terminal; elsewhere they stay as they are. */
export function wrapLines(lines: readonly string[]): string[] {
  const width = process.stdout.isTTY ? process.stdout.columns : 0;
  return width > 0 ? lines.flatMap((line) => wrapLine(line, width)) : [...lines];
}

/** Breaks a line at words; what follows stands below the start of the last column. A longer word stays whole. */
export function wrapLine(line: string, width: number): string[] {
  if (visibleLength(line) <= width) return [line];
  const before = visibleLength(/^.* {2,}(?=\S)/.exec(line)?.[0] ?? "");
  const indent = " ".repeat(before > width / 2 ? 4 : before);
  const lines = [""];
  for (const word of line.match(/ *[^ ]+/g) ?? []) {
    const current = lines.at(-1) ?? "";
    const isFull = visibleLength(current + word) > width && current.trim() !== "";
    if (isFull) lines.push(indent + word.trimStart());
    else lines[lines.length - 1] = current + word;
  }
  return lines;
}
