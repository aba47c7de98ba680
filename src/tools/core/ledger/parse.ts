/** Reads the ledger's text. */

import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { record } from "../../../core/ledger/schema.ts";
import { parseJson } from "../../../core/text/parse-json.ts";

/** Reads all records of a ledger's text; counts the lines that are not records, and those of a newer version. */
export function parseLedger(text: string): { records: LedgerRecord[]; badLines: number; newerLines: number } {
  const records: LedgerRecord[] = [];
  let badLines = 0;
  let newerLines = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const parsed = parseJson(record, line);
    if ("value" in parsed) records.push(parsed.value);
    else if (parsed.reason === "newer") newerLines++;
    else badLines++;
  }
  return { records, badLines, newerLines };
}
