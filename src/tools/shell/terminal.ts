/** Prints tables and colours on a terminal, and plain text elsewhere. */

import { stripVTControlCharacters, styleText } from "node:util";
import { fit } from "../../core/text/safe-text.ts";
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
  const width = (!full && process.stdout.isTTY && process.stdout.columns) || Number.POSITIVE_INFINITY;
  const cells = columns.map(({ head, of }) => [head.toUpperCase(), ...rows.map(of)]);
  const widths = cells.map((column) => column.reduce((most, cell) => Math.max(most, lengthOf(cell)), 0));
  const ranks = columns.flatMap(({ rank }) => rank ?? []).sort((a, b) => a - b);
  const last = columns.length - 1;
  let shown = columns.map((_, i) => i);
  const room = (): number =>
    width - shown.slice(0, -1).reduce((sum, i) => sum + (widths[i] ?? 0) + GAP.length, 0);
  for (const lowest of ranks)
    if (room() < Math.min(widths[last] ?? 0, GOOD_LAST))
      shown = shown.filter((i) => columns[i]?.rank !== lowest);
  const fits = Math.max(room(), MIN_LAST);
  const line = (row: number): string =>
    shown
      .map((i) => {
        const cell = cells[i]?.[row] ?? "";
        if (i === last && lengthOf(cell) > fits) return `${fit(cell, fits - 1)}…`;
        const space = " ".repeat((widths[i] ?? 0) - lengthOf(cell));
        return columns[i]?.right ? space + cell : cell + space;
      })
      .join(GAP)
      .trimEnd();
  return [...rows.keys(), rows.length].map(line).join("\n");
}

/** Without the signs that colour it. */
const lengthOf = (text: string): number => Array.from(stripVTControlCharacters(text)).length;
