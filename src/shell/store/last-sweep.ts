/** When the last sweep of the whole host was, and the last that ended well: for `doctor`, which notices silence. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { LastSweep } from "../../core/doctor/examination.ts";
import type { Fault } from "../../core/observation/fault.ts";
import { attempt, replaceFile } from "./safe-files.ts";

const NAME = "last-sweep.json";
const schema = v.object({ schemaVersion: v.literal(1), at: v.number(), lastGood: v.nullable(v.number()) });

/** Null: there was none yet. @throws when the file cannot be read or is none of ours */
export function readLastSweep(stateFolder: string): LastSweep | null {
  const file = join(stateFolder, NAME);
  try {
    return v.parse(schema, JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}

export function writeLastSweep(stateFolder: string, failed: boolean): Fault[] {
  const at = Date.now();
  let before: LastSweep | null = null;
  try {
    before = readLastSweep(stateFolder);
  } catch {
    // A torn file is written anew, and no sweep is known to have been good.
  }
  const last: LastSweep = { schemaVersion: 1, at, lastGood: failed ? (before?.lastGood ?? null) : at };
  const file = join(stateFolder, NAME);
  return attempt(`write ${file}`, () => replaceFile(file, `${JSON.stringify(last)}\n`, 0o600));
}
