import { type LedgerRecord, record } from "../../../core/ledger/schema.ts";
import { escapeText } from "../../../core/text/safe-text.ts";

/** Formats records as comma-separated values (RFC 4180) that are safe to open in a spreadsheet. */

/**
 * Formats one field. Guard: a `'` in front keeps a spreadsheet from running the text as a formula; Excel for Chinese,
 * Japanese and Korean takes the full-width signs as well. Where the comma is the decimal sign, a spreadsheet splits at
 * `;`, so a text with one is quoted: no part of it becomes a cell that begins with a sign.
 */
export function csvField(value: string | number | boolean | null): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  const text = escapeText(value);
  const tame = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return /[",;]|^\s|\s$/.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame;
}

const COLUMNS = Object.keys(record.entries) as readonly (keyof LedgerRecord)[];

function fieldOf(value: LedgerRecord[keyof LedgerRecord]): string {
  if (typeof value !== "object" || value === null) return csvField(value);
  return csvField("pid" in value ? value.pid : value.join("; "));
}

/** Formats a head line with the names that JSON has, and one line per record. */
export function csvOf(records: readonly LedgerRecord[]): string {
  const rows = records.map((one) => COLUMNS.map((column) => fieldOf(one[column])));
  return [COLUMNS, ...rows].map((fields) => `${fields.join(",")}\r\n`).join("");
}
