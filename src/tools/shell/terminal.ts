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
const GAP = "  ";

/**
 * Formats aligned columns without borders, as ps does. On a terminal the last column is cut with an ellipsis at the edge,
 * as loginctl does.
 */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const edge = (process.stdout.isTTY && process.stdout.columns) || Number.POSITIVE_INFINITY;
  const cells = columns.map(({ head, of }) => [head.toUpperCase(), ...rows.map(of)]);
  const widths = cells.map((column) => column.reduce((most, cell) => Math.max(most, lengthOf(cell)), 0));
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0);
  const room = Math.max(edge - before, MIN_LAST);
  const line = (row: number): string =>
    columns
      .map(({ right }, i) => {
        const cell = cells[i]?.[row] ?? "";
        if (i === columns.length - 1 && lengthOf(cell) > room) return `${fit(cell, room - 1)}…`;
        const space = " ".repeat((widths[i] ?? 0) - lengthOf(cell));
        return right ? space + cell : cell + space;
      })
      .join(GAP)
      .trimEnd();
  return [...rows.keys(), rows.length].map(line).join("\n");
}

/** Without the signs that colour it. */
const lengthOf = (text: string): number => Array.from(stripVTControlCharacters(text)).length;
