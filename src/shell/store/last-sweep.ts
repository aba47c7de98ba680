/** Keeps when the last sweep of the whole host ran and when one last succeeded, for `doctor` and `status`, and the counters. */

import { lstatSync } from "node:fs";
import { join } from "node:path";
import { type LastSweep, lastSweep } from "../../core/metrics/metrics.ts";
import { readDocument, writeDocument } from "./document.ts";
import { RUN_FOLDER } from "./paths.ts";
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

/** Replaces the record. @throws */
export function writeLastSweep(stateFolder: string, last: LastSweep): void {
  const faults = last.faults.slice(0, MAX_FAULTS).map((line) => line.slice(0, MAX_LINE));
  asAccount(() => writeDocument(join(stateFolder, NAME), { ...last, faults }));
}

/** Counts the faults of the hook, which adds a byte to its file for each. @throws */
export function countHookFaults(): number {
  return lstatSync(join(RUN_FOLDER, "hook.faults"), { throwIfNoEntry: false })?.size ?? 0;
}
