/** Reads and writes what outlives a sweep below /run: the tags and the marks. Only root may enter; a boot empties it. */

import { lstatSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "../../core/observation/fault.ts";
import type { Mark, Tag } from "../../core/observation/observation.ts";
import { SCHEMA_VERSION, whyNewer } from "../../core/text/parse-json.ts";
import { readSmallFile, replaceFile } from "./safe-files.ts";
import { actsForHost } from "./service-account.ts";
import { readTags } from "./tags.ts";

/** A hundred thousand marks; this program writes no longer file. */
const MAX_MARKS_BYTES = 8 * 1024 * 1024;

export interface State {
  readonly tags: readonly Tag[];
  readonly marks: readonly Mark[];
  readonly faults: readonly Fault[];
}

/** Reads the tags and marks below a run folder; another user's are not read. */
export function readState(folder: string, bootId: string): State {
  const faults: Fault[] = [];
  let tags: readonly Tag[] = [];
  // An ordinary user may not read root's tags and marks: not a fault.
  if (!isOwn(folder)) return { tags, marks: [], faults };
  try {
    const listing = readTags(join(folder, "tags"));
    tags = listing.tags;
    faults.push(...listing.faults);
  } catch (error) {
    faults.push({ what: `read the tags in ${join(folder, "tags")}`, detail: (error as Error).message });
  }
  return { tags, marks: readMarks(join(folder, "marks.json"), bootId, faults), faults };
}

function isOwn(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found === undefined || actsForHost() || found.uid === process.geteuid?.();
}

function readMarks(file: string, bootId: string, faults: Fault[]): Mark[] {
  try {
    const stored = JSON.parse(readSmallFile(file, MAX_MARKS_BYTES)) as { bootId?: unknown; marks?: unknown };
    // Version 0.1.0 wrote no schemaVersion.
    const newer = whyNewer(stored);
    if (newer !== null) throw new Error(newer);
    if (stored.bootId !== bootId || !Array.isArray(stored.marks)) return [];
    return stored.marks.filter(isMark);
  } catch (error) {
    // Without its mark an orphan is marked again: it ends later, never sooner.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      faults.push({ what: `read ${file}`, detail: `${(error as Error).message}; the marks are made afresh` });
    return [];
  }
}

function isMark(value: unknown): value is Mark {
  const mark = value as Partial<Record<keyof Mark, unknown>> | null;
  const used = mark?.used ?? [];
  if (!Array.isArray(used) || !used.every((row) => Array.isArray(row) && row.length === 3)) return false;
  return [mark?.pid, mark?.startTime, mark?.seenUptime, ...used.flat()].every((field) =>
    Number.isSafeInteger(field),
  );
}

/** Writes all marks at once, by rename; none left removes the file. */
export function writeMarks(folder: string, bootId: string, marks: readonly Mark[]): void {
  const file = join(folder, "marks.json");
  if (marks.length === 0) {
    rmSync(file, { force: true });
    return;
  }
  replaceFile(file, `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, bootId, marks })}\n`, 0o600);
}
