/** Records when the last sweep of the whole host ran, and when one last succeeded; `doctor` and `status` read it. */

import { join } from "node:path";
import * as v from "valibot";
import type { Fault } from "../../core/observation/fault.ts";
import type { LastSweep } from "../../core/report/sweep-summary.ts";
import { parseJson } from "../../core/text/parse-json.ts";
import { attempt, readSmallFile, replaceFile } from "./safe-files.ts";

const NAME = "last-sweep.json";
const MAX_BYTES = 4096;
const schema = v.object({
  schemaVersion: v.literal(1),
  at: v.number(),
  lastGood: v.nullable(v.number()),
  survivors: v.number(),
});

/** Reads the record; null if there was no sweep yet. @throws if the file cannot be read or is not such a record */
export function readLastSweep(stateFolder: string): LastSweep | null {
  const file = join(stateFolder, NAME);
  let text: string;
  try {
    text = readSmallFile(file, MAX_BYTES);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`${file}: ${(error as Error).message}`);
  }
  const parsed = parseJson(schema, text);
  if ("error" in parsed) throw new Error(`${file}: ${parsed.error}`);
  return parsed.value;
}

/** Records a sweep that ended now. */
export function writeLastSweep(stateFolder: string, failed: boolean, survivors: number): Fault[] {
  const at = Date.now();
  let before: LastSweep | null = null;
  try {
    before = readLastSweep(stateFolder);
  } catch {
    // A torn file is replaced; when a sweep last succeeded is then not known.
  }
  const last: LastSweep = {
    schemaVersion: 1,
    at,
    lastGood: failed ? (before?.lastGood ?? null) : at,
    survivors,
  };
  const file = join(stateFolder, NAME);
  return attempt(`write ${file}`, () => replaceFile(file, `${JSON.stringify(last)}\n`, 0o600));
}
