/** HTML for the page: escaped text, tables, and bars that are boxes with a size. */

import { escapeText } from "../../../core/text/safe-text.ts";
import type { Column } from "../text/shown.ts";

const NAMED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Makes text safe inside HTML. Guard: product, user and host names are chosen by others. */
export function html(text: string): string {
  return escapeText(text).replace(/[&<>"']/g, (char) => NAMED[char] ?? "");
}

/** A column of text, or of drawings that are HTML already. */
export type HtmlColumn<Row> =
  | Column<Row>
  | { readonly head: string; readonly right?: boolean; readonly draw: (row: Row) => string };

export function table<Row>(columns: readonly HtmlColumn<Row>[], rows: readonly Row[]): string {
  const line = (tag: "th" | "td", cellOf: (column: HtmlColumn<Row>) => string): string =>
    columns.map((column) => `<${tag}${column.right ? ' class="n"' : ""}>${cellOf(column)}</${tag}>`).join("");
  const head = line("th", (column) => html(column.head));
  const body = rows.map(
    (row) =>
      `<tr>${line("td", (column) => ("draw" in column ? column.draw(row) : html(column.of(row))))}</tr>`,
  );
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>\n${body.join("\n")}\n</tbody></table></div>`;
}

/** What is more than nothing is seen: the style gives it a least size. */
const size = (side: "height" | "width", value: number, most: number): string =>
  value === 0 ? ' class="none"' : ` style="${side}:${Math.round((value / Math.max(most, 1)) * 1000) / 10}%"`;

/** A column of bars; `most` is the same for all rows, so that they compare. */
export const barColumn = (most: number): HtmlColumn<{ readonly trees: number }> => ({
  head: "",
  draw: ({ trees }) => `<span class="bar"><i${size("width", trees, most)}></i></span>`,
});

export interface Bar {
  readonly value: number;
  /** What a reader sees who points at it. */
  readonly tip: string;
}

/** A row of upright bars; `most` is what one of full height stands for. */
export function columns(kind: "chart" | "spark", name: string, all: readonly Bar[], most: number): string {
  const boxes = all.map(({ value, tip }) => `<i title="${html(tip)}"${size("height", value, most)}></i>`);
  return `<div class="${kind}" role="img" aria-label="${html(name)}">${boxes.join("")}</div>`;
}
