/** Records when the last sweep of the whole host ran, and when one last succeeded; `doctor` and `status` read it. */

import { join } from "node:path";
import type { Fault } from "../../core/observation/fault.ts";
import { type LastSweep, lastSweep } from "../../core/report/sweep-summary.ts";
import { readDocument, writeDocument } from "./document.ts";
import { attempt } from "./safe-files.ts";
import { asAccount } from "./service-account.ts";

const NAME = "last-sweep.json";
const MAX_BYTES = 65_536;
/** The log has the others. */
const MAX_FAULTS = 20;
const MAX_LINE = 500;

/** Reads the record; null if there was no sweep yet. @throws if the file cannot be read or is not such a record */
export function readLastSweep(stateFolder: string): LastSweep | null {
  const file = join(stateFolder, NAME);
  try {
    return readDocument(file, lastSweep, MAX_BYTES);
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}

/** Records a sweep that ended now. */
export function writeLastSweep(
  stateFolder: string,
  failed: boolean,
  survivors: number,
  faults: readonly string[],
): Fault[] {
  const at = Date.now();
  let before: LastSweep | null = null;
  try {
    before = readLastSweep(stateFolder);
  } catch {
    // A torn file is replaced; when a sweep last succeeded is then not known.
  }
  const lastGood = failed ? (before?.lastGood ?? null) : at;
  const lines = faults.slice(0, MAX_FAULTS).map((line) => line.slice(0, MAX_LINE));
  const file = join(stateFolder, NAME);
  const last: LastSweep = { schemaVersion: 1, at, lastGood, survivors, faults: lines };
  return attempt(`write ${file}`, () => asAccount(() => writeDocument(file, last)));
}
