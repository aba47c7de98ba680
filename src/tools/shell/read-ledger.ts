/** Reads the ledger and its rotated copies. */

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { LedgerRecord } from "../../core/ledger/schema.ts";
import { parseLedger } from "../core/ledger/parse.ts";

/** Guard: a compressed file of a few KiB can unpack to gigabytes. A month with 1,000 records per day is 30 MiB. */
const MAX_FILE = 512 * 1024 * 1024 - 1;

/** Lists the ledger and its rotated copies: `.1`, `.2.gz`, and those with a date. @throws if the folder cannot be read */
export function ledgerFiles(file: string): string[] {
  const name = basename(file);
  const isRotated = (other: string): boolean =>
    other.startsWith(name) && /^(?:[.-]\d+)?(?:\.gz)?$/.test(other.slice(name.length));
  try {
    return readdirSync(dirname(file))
      .filter(isRotated)
      .map((other) => join(dirname(file), other));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Reads the records of a ledger and its rotated copies. @throws what cannot be read */
export const recordsIn = (file: string): LedgerRecord[] =>
  ledgerFiles(file).flatMap((one) => readLedger(one).records);

/** Reads one file, plain or compressed; `-` is standard input. @throws also if it unpacks to more than `most` bytes */
export function readLedger(file: string, most = MAX_FILE): ReturnType<typeof parseLedger> {
  const bytes = readFileSync(file === "-" ? 0 : file);
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isCompressed) return parseLedger(bytes.toString("utf8"));
  return parseLedger(gunzipSync(bytes, { maxOutputLength: most }).toString("utf8"));
}
