/** What every view is made of: colours, columns, and answers that may be missing. */

/** Colours a text for a terminal; without a terminal it returns the text as it is. */
export type Paint = (style: "red" | "green" | "yellow" | "cyan" | "gray" | "bold", text: string) => string;

/** Leaves a text without colours. */
export const plain: Paint = (_style, text) => text;

/** A column of a table of `Row`s: its head, and what stands in a row. */
export interface Column<Row> {
  readonly head: string;
  readonly of: (row: Row) => string;
  /** Whether it stands to the right, as numbers do. */
  readonly right?: boolean;
}

/** A value, or why it could not be had. */
export type Answer<T> = { readonly value: T } | { readonly failed: string };
