/** Prints tables and colours on a terminal, and plain text elsewhere. */

import { styleText } from "node:util";
import { type Column, type Paint, plain } from "../core/text/shown.ts";

/** Returns a function that colours text if standard output is a terminal that shows colours. It respects NO_COLOR. */
export function painter(): Paint {
  const wanted = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return wanted ? (style, text) => styleText(style, text) : plain;
}

/** The last column is cut to no less. */
const MIN_LAST = 12;
/** Columns are left out until the last one, which says why, has so much room. */
const GOOD_LAST = 60;
const GAP = "  ";

/**
 * Formats aligned columns without borders, as ps does. On a terminal the last column is cut with an ellipsis at the edge,
 * as loginctl does, and columns with a rank are left out where it would become too narrow; `full` shows everything.
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  full = false,
): string {
  const cells = columns.map((column) => ({
    ...column,
    cells: [column.head.toUpperCase(), ...rows.map(column.of)],
  }));
  const width = !full && process.stdout.isTTY ? process.stdout.columns : 0;
  return tableOf(cells, width > 0 ? width : Number.POSITIVE_INFINITY);
}

type Cells = Omit<Column<never>, "of"> & { readonly cells: readonly string[] };

function tableOf(columns: readonly Cells[], width: number): string {
  const widths = columns.map(({ cells }) =>
    cells.reduce((most, cell) => Math.max(most, visibleLength(cell)), 0),
  );
  const others = widths.slice(0, -1).reduce((sum, one) => sum + one + GAP.length, 0);
  const last = widths.at(-1) ?? 0;
  const room = Math.max(width - others, MIN_LAST);
  const ranks = columns.flatMap(({ rank }) => rank ?? []);
  if (last > room && room < GOOD_LAST && ranks.length > 0)
    return tableOf(
      columns.filter(({ rank }) => rank !== Math.min(...ranks)),
      width,
    );
  const lines = (columns[0]?.cells ?? []).map((_, row) =>
    columns.map(({ cells, right = false }, i) => {
      const cell = cells[row] ?? "";
      if (i === columns.length - 1 && visibleLength(cell) > room)
        return `${Array.from(cell)
          .slice(0, room - 1)
          .join("")}…`;
      const space = " ".repeat((widths[i] ?? 0) - visibleLength(cell));
      return right ? space + cell : cell + space;
    }),
  );
  return lines.map((line) => line.join(GAP).trimEnd()).join("\n");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
const visibleLength = (text: string): number => Array.from(text.replace(/\x1b\[[\d;]*m/g, "")).length;
