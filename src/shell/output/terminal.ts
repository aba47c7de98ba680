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
}

/** Makes columns of their heads: the first is text, the others are numbers. */
export const countColumns = (heads: readonly string[]): TableColumn[] =>
  heads.map((head, i) => ({ head, align: i === 0 ? "left" : "right" }));

/**
 * Formats aligned columns without borders, as ps does. On a terminal the last column is cut with an ellipsis at the edge,
 * as loginctl does; `full` shows all of it.
 */
export async function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  full = false,
): Promise<string> {
  // Loaded here because a sweep prints no table.
  const { default: Table } = await import("cli-table3");
  const none = Object.fromEntries(
    ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"]
      .concat(["left", "left-mid", "mid", "mid-mid", "right", "right-mid"])
      .map((place) => [place, ""]),
  );
  const room = full ? null : roomForLast(columns, rows);
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

const MIN_LAST = 12;

/** Returns how wide the last column may be on this terminal; null if there is no terminal or everything fits. */
function roomForLast(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): number | null {
  const width = process.stdout.isTTY ? process.stdout.columns : undefined;
  if (!width) return null;
  const widths = columns.map(({ head }, i) =>
    rows.reduce((most, row) => Math.max(most, visibleLength(row[i] ?? "")), head.length),
  );
  const others = widths.slice(0, -1).reduce((sum, one) => sum + one + 2, 0);
  const room = Math.max(width - others, MIN_LAST);
  return (widths.at(-1) ?? 0) > room ? room : null;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
const visibleLength = (text: string): number => Array.from(text.replace(/\x1b\[[\d;]*m/g, "")).length;
