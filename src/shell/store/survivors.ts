/** The processes that no signal ended: remembered below /run, so that later sweeps do not wait for them again. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Fault } from "../../core/observation/fault.ts";
import type { ProcId } from "../../core/observation/process.ts";
import { parseJson, SCHEMA_VERSION } from "../../core/text/parse-json.ts";
import { readSmallFile, replaceFile } from "./safe-files.ts";

const NAME = "survivors.json";
/** A hundred thousand processes; a longer file is none of this program's. */
const MAX_BYTES = 8 * 1024 * 1024;

const whole = v.pipe(v.number(), v.safeInteger());
const schema = v.object({
  bootId: v.string(),
  survivors: v.array(v.object({ pid: whole, startTime: whole })),
});

/** Reads what earlier sweeps of this boot could not end. A missing file, or one of another boot, holds nothing. */
export function readSurvivors(folder: string, bootId: string): { survivors: ProcId[]; faults: Fault[] } {
  const file = join(folder, NAME);
  try {
    const parsed = parseJson(schema, readSmallFile(file, MAX_BYTES));
    if ("error" in parsed) throw new Error(parsed.error);
    const { value } = parsed;
    return { survivors: value.bootId === bootId ? value.survivors : [], faults: [] };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { survivors: [], faults: [] };
    return { survivors: [], faults: [{ what: `read ${file}`, detail: (error as Error).message }] };
  }
}

/** Replaces the list; an empty one removes the file. @throws */
export function writeSurvivors(folder: string, bootId: string, survivors: readonly ProcId[]): void {
  const file = join(folder, NAME);
  if (survivors.length === 0) {
    rmSync(file, { force: true });
    return;
  }
  const ids = survivors.map(({ pid, startTime }) => ({ pid, startTime }));
  replaceFile(file, `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, bootId, survivors: ids })}\n`, 0o600);
}
