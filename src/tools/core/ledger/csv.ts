import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { escapeText } from "../../../core/text/safe-text.ts";

/** Formats records as comma-separated values (RFC 4180) that are safe to open in a spreadsheet. */

export const CSV_HEAD = [
  "id",
  "time",
  "host",
  "uid",
  "user",
  "product",
  "root_pid",
  "killed",
  "survivors",
  "kind",
  "forced",
  "tagged",
  "closed_at",
  "remote_host",
  "orphaned_seconds",
  "age_seconds",
  "freed_kib",
  "terminals",
  "reasons",
  "cpu_seconds",
  "reason_code",
] as const;

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

/** Formats a head line and one line per record. */
export function csvOf(records: readonly LedgerRecord[]): string {
  return [
    csvLine(CSV_HEAD),
    ...records.map((one) =>
      csvLine([
        one.id,
        one.time,
        one.host,
        one.uid,
        one.user,
        one.product,
        one.root.pid,
        one.killed,
        one.survivors,
        one.kind,
        one.forced,
        one.tagged,
        one.closedAt,
        one.remoteHost,
        one.unusedForSeconds,
        one.ageSeconds,
        one.freedKiB,
        one.terminals.join(" "),
        one.reasons.join("; "),
        one.cpuSeconds,
        one.reasonCode,
      ]),
    ),
  ].join("");
}
