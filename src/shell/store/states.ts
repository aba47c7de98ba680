/**
 * Reads and writes what a sweep notes for the next one, below /run, which a boot empties: the state of each tree, and the
 * processes that no signal ended, so that later sweeps do not wait for them again.
 */

import { rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Fault } from "../../core/observation/fault.ts";
import type { Observation } from "../../core/observation/observation.ts";
import { procId, treeState } from "../../core/observation/records.ts";
import { SCHEMA_VERSION } from "../../core/text/parse-json.ts";
import type { States } from "../../core/verdict/states.ts";
import { readDocument, writeDocument } from "./document.ts";
import { mayRead } from "./service-account.ts";

/** A hundred thousand states; this program writes no longer file. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What one sweep leaves for the next one. */
export type Notes = States & Pick<Observation, "survivors">;

const NONE: Notes = { lastSweepAt: null, states: [], survivors: [] };

const schema = v.object({
  schemaVersion: v.literal(SCHEMA_VERSION),
  bootId: v.string(),
  lastSweepAt: v.nullable(v.pipe(v.number(), v.minValue(0))),
  states: v.array(treeState),
  survivors: v.array(procId),
});

/**
 * Reads the notes of this boot below a run folder. An ordinary user, who may not read root's, gets none. Where the file is
 * damaged every tree counts as used now (`uptime`), so that none ends earlier for it.
 */
export function readStates(folder: string, bootId: string, uptime: number): Notes & { faults: Fault[] } {
  if (!mayRead(folder)) return { ...NONE, faults: [] };
  const file = join(folder, "states.json");
  try {
    const notes = readDocument(file, schema, MAX_BYTES);
    return { ...(notes?.bootId === bootId ? notes : NONE), faults: [] };
  } catch (error) {
    const detail = `${(error as Error).message}; remove it; every tree counts as used now`;
    return { ...NONE, lastSweepAt: uptime, faults: [{ what: `read ${file}`, detail }] };
  }
}

/** Replaces the notes; none at all remove the file. @throws */
export function writeStates(folder: string, bootId: string, notes: Notes): void {
  const file = join(folder, "states.json");
  const { lastSweepAt, states, survivors } = notes;
  if (lastSweepAt === null && states.length + survivors.length === 0) rmSync(file, { force: true });
  else writeDocument(file, { schemaVersion: SCHEMA_VERSION, bootId, lastSweepAt, states, survivors });
}
