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

const NONE: States = { lastSweepAt: null, states: [] };

const makeSchema = () => {
  const time = v.pipe(v.number(), v.minValue(0));
  const procId = { pid: wholeNumber, startTime: wholeNumber };
  const row = v.tuple([wholeNumber, wholeNumber, wholeNumber]);
  const cpu = v.optional(v.object({ at: time, rows: v.array(row) }));
  const state = { uid: wholeNumber, usedAt: v.nullable(time), orphanAt: v.nullable(time), cpu };
  return v.object({
    schemaVersion: v.literal(SCHEMA_VERSION),
    bootId: v.string(),
    lastSweepAt: v.nullable(time),
    states: v.array(v.object({ ...procId, ...state })),
  });
};

/**
 * Reads the states of this boot below a run folder. An ordinary user, who may not read root's, gets none. Where the file is
 * damaged every tree counts as used now (`uptime`), so that none ends earlier for it.
 */
export function readStates(
  folder: string,
  bootId: string,
  uptime: number,
): States & { readonly faults: readonly Fault[] } {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found || (!actsForHost() && found.uid !== process.geteuid?.())) return { ...NONE, faults: [] };
  const file = join(folder, "states.json");
  try {
    const parsed = parseJson(makeSchema(), readSmallFile(file, MAX_BYTES));
    if ("error" in parsed) throw new Error(parsed.error);
    return { ...(parsed.value.bootId === bootId ? parsed.value : NONE), faults: [] };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { ...NONE, faults: [] };
    const detail = `${(error as Error).message}; every tree counts as used now`;
    return { lastSweepAt: uptime, states: [], faults: [{ what: `read ${file}`, detail }] };
  }
}

/** Writes all states at once, by rename; none at all removes the file. @throws */
export function writeStates(folder: string, bootId: string, { lastSweepAt, states }: States): void {
  const file = join(folder, "states.json");
  const text = JSON.stringify({ schemaVersion: SCHEMA_VERSION, bootId, lastSweepAt, states });
  if (lastSweepAt === null && states.length === 0) rmSync(file, { force: true });
  else replaceFile(file, `${text}\n`, 0o600);
}
