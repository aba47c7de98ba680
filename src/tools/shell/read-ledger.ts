/** Reads the ledger and its rotated copies. */

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type LedgerRecord, record } from "../../core/ledger/schema.ts";
import { parseJson } from "../../core/text/parse-json.ts";
import { EXIT, Failure } from "../../shell/failure.ts";

/** Guard: a compressed file of a few KiB can unpack to gigabytes. A month with 1,000 records per day is 30 MiB. */
const MAX_FILE = 512 * 1024 * 1024 - 1;

/** Lists the ledger and its rotated copies: `.1`, `.2.gz`, and those with a date. @throws Failure */
export function ledgerFiles(file: string): string[] {
  if (file === "")
    throw new Failure(
      EXIT.failed,
      'this host keeps no ledger (ledger.file = ""); report --file reads another',
    );
  const name = basename(file);
  const isRotated = (other: string): boolean =>
    other.startsWith(name) && /^(?:[.-]\d+)?(?:\.gz)?$/.test(other.slice(name.length));
  try {
    return readdirSync(dirname(file))
      .filter(isRotated)
      .map((other) => join(dirname(file), other));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw failureOf(file, error);
  }
}

/** Reads the records of a ledger and its rotated copies. @throws Failure */
export const recordsIn = (file: string): LedgerRecord[] =>
  ledgerFiles(file).flatMap((one) => readLedger(one).records);

/** Reads a file, plain or compressed; `-` is standard input. @throws Failure, also if it unpacks to more than `most` */
export function readLedger(file: string, most = MAX_FILE): ReturnType<typeof parseLedger> {
  try {
    const bytes = readFileSync(file === "-" ? 0 : file);
    const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const text = isCompressed ? gunzipSync(bytes, { maxOutputLength: most }) : bytes;
    return parseLedger(text.toString("utf8"));
  } catch (error) {
    throw failureOf(file, error);
  }
}

function failureOf(file: string, error: unknown): Failure {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return ["EACCES", "EPERM"].includes(code)
    ? new Failure(EXIT.denied, `${file}: only root may read the ledger; run it with sudo`)
    : new Failure(EXIT.failed, `${file}: cannot be read: ${message}`);
}

/** Reads all records of a ledger's text; counts the lines that are not records, and those of a newer version. */
export function parseLedger(text: string) {
  const lines = text.split("\n").filter((line) => line !== "");
  const parsed = lines.map((line) => parseJson(record, line));
  const refused = parsed.flatMap((one) => ("reason" in one ? one.reason : []));
  const newerLines = refused.filter((reason) => reason === "newer").length;
  return {
    records: parsed.flatMap((one) => ("value" in one ? one.value : [])),
    badLines: refused.length - newerLines,
    newerLines,
  };
}
