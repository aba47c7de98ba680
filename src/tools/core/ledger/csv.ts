import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { escapeText } from "../../../core/text/safe-text.ts";

/** Formats records as comma-separated values (RFC 4180) that are safe to open in a spreadsheet. */

type Field = string | number | boolean | null;

/**
 * Formats one field. Guard: a `'` in front keeps a spreadsheet from running the text as a formula; Excel for Chinese,
 * Japanese and Korean takes the full-width signs as well. Where the comma is the decimal sign, a spreadsheet splits at
 * `;`, so a text with one is quoted: no part of it becomes a cell that begins with a sign.
 */
export function csvField(value: Field): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  const text = escapeText(value);
  const tame = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return /[",;]|^\s|\s$/.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame;
}

/** Formats one line with its CRLF. */
export function csvLine(fields: readonly Field[]): string {
  return `${fields.map(csvField).join(",")}\r\n`;
}

/** The columns, and what stands in them. */
const COLUMNS: readonly (readonly [head: string, of: (one: LedgerRecord) => Field])[] = [
  ["id", ({ id }) => id],
  ["time", ({ time }) => time],
  ["host", ({ host }) => host],
  ["uid", ({ uid }) => uid],
  ["user", ({ user }) => user],
  ["product", ({ product }) => product],
  ["root_pid", ({ root }) => root.pid],
  ["killed", ({ killed }) => killed],
  ["survivors", ({ survivors }) => survivors],
  ["kind", ({ kind }) => kind],
  ["forced", ({ forced }) => forced],
  ["tagged", ({ tagged }) => tagged],
  ["closed_at", ({ closedAt }) => closedAt],
  ["remote_host", ({ remoteHost }) => remoteHost],
  ["orphaned_seconds", ({ unusedForSeconds }) => unusedForSeconds],
  ["age_seconds", ({ ageSeconds }) => ageSeconds],
  ["freed_kib", ({ freedKiB }) => freedKiB],
  ["terminals", ({ terminals }) => terminals.join(" ")],
  ["reasons", ({ reasons }) => reasons.join("; ")],
  ["cpu_seconds", ({ cpuSeconds }) => cpuSeconds],
  ["reason_code", ({ reasonCode }) => reasonCode],
];

/** Formats a head line and one line per record. */
export function csvOf(records: readonly LedgerRecord[]): string {
  const rows = records.map((one) => COLUMNS.map(([, of]) => of(one)));
  return [COLUMNS.map(([head]) => head), ...rows].map(csvLine).join("");
}
