/** Reads and writes what a sweep notes of each tree for the next one, below /run: a boot empties it. */

import { lstatSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Fault } from "../../core/observation/fault.ts";
import { parseJson, SCHEMA_VERSION, wholeNumber } from "../../core/text/parse-json.ts";
import type { States } from "../../core/verdict/states.ts";
import { readSmallFile, replaceFile } from "./safe-files.ts";
import { actsForHost } from "./service-account.ts";

/** A hundred thousand states; this program writes no longer file. */
const MAX_BYTES = 16 * 1024 * 1024;

const NONE: States = { states: [], usersSeen: {} };

const makeSchema = () => {
  const time = v.pipe(v.number(), v.minValue(0));
  const procId = { pid: wholeNumber, startTime: wholeNumber };
  const row = v.tuple([wholeNumber, wholeNumber, wholeNumber]);
  const cpu = v.optional(v.object({ at: time, rows: v.array(row) }));
  const state = { uid: wholeNumber, usedAt: v.nullable(time), orphanAt: v.nullable(time), cpu };
  return v.object({
    schemaVersion: v.literal(SCHEMA_VERSION),
    bootId: v.string(),
    states: v.array(v.object({ ...procId, ...state })),
    usersSeen: v.record(v.pipe(v.string(), v.digits()), time),
  });
};

/** Reads the states of this boot below a run folder. An ordinary user, who may not read root's, gets none. */
export function readStates(folder: string, bootId: string): States & { readonly faults: readonly Fault[] } {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found || (!actsForHost() && found.uid !== process.geteuid?.())) return { ...NONE, faults: [] };
  const file = join(folder, "states.json");
  try {
    const parsed = parseJson(makeSchema(), readSmallFile(file, MAX_BYTES));
    if ("error" in parsed) throw new Error(parsed.error);
    return { ...(parsed.value.bootId === bootId ? parsed.value : NONE), faults: [] };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { ...NONE, faults: [] };
    const detail = `${(error as Error).message}; this sweep counts as the first to see each tree`;
    return { ...NONE, faults: [{ what: `read ${file}`, detail }] };
  }
}

/** Writes all states at once, by rename; none left removes the file. @throws */
export function writeStates(folder: string, bootId: string, { states, usersSeen }: States): void {
  const file = join(folder, "states.json");
  if (states.length === 0 && Object.keys(usersSeen).length === 0) rmSync(file, { force: true });
  else
    replaceFile(
      file,
      `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, bootId, states, usersSeen })}\n`,
      0o600,
    );
}
