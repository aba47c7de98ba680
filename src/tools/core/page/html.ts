/** HTML for the page: escaped text, tables, and bars that are boxes with a size. */

import { escapeText } from "../../../core/text/safe-text.ts";

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

/** A cell of a table: text, a number, or a drawing that is HTML already. */
export type Cell = string | number | { readonly drawn: string };

const isNumeric = (cell: Cell | undefined): boolean =>
  typeof cell === "number" || (typeof cell === "string" && /^\d/.test(cell));

/** A table; columns of numbers stand to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = (row: readonly Cell[], tag: string): string =>
    row
      .map((cell, i) => {
        const mark = i > 0 && isNumeric(rows[0]?.[i]) ? ' class="n"' : "";
        return `<${tag}${mark}>${typeof cell === "object" ? cell.drawn : html(String(cell))}</${tag}>`;
      })
      .join("");
  const body = rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n");
  return `<div class="scroll"><table><thead><tr>${cells(head, "th")}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

/** What is more than nothing is seen: the style gives it a least size. */
const size = (side: "height" | "width", value: number, most: number): string =>
  value === 0 ? ' class="none"' : ` style="${side}:${Math.round((value / Math.max(most, 1)) * 1000) / 10}%"`;

/** A bar for a cell; `most` is the same for all rows, so that they compare. */
export const bar = (value: number, most: number): Cell => ({
  drawn: `<span class="bar"><i${size("width", value, most)}></i></span>`,
});

export interface Column {
  readonly value: number;
  /** What a reader sees who points at it. */
  readonly tip: string;
}

/** A row of columns; `most` is what a column of full height stands for. */
export function columns(kind: "chart" | "spark", name: string, all: readonly Column[], most: number): string {
  const boxes = all.map(({ value, tip }) => `<i title="${html(tip)}"${size("height", value, most)}></i>`);
  return `<div class="${kind}" role="img" aria-label="${html(name)}">${boxes.join("")}</div>`;
}
