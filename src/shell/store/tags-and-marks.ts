/** What outlives a sweep, below /run: the lock, the tags and the marks. Root's alone, gone at boot. */

import { lstatSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "../../core/observation/fault.ts";
import type { Mark, Tag } from "../../core/observation/observation.ts";
import type { Native } from "../host/native.ts";
import { readSmallFile, replaceFile } from "./safe-files.ts";
import { actsForHost } from "./service-account.ts";

/** A hundred thousand marks; a longer file is none of this program's. */
const MAX_MARKS_BYTES = 8 * 1024 * 1024;

export interface State {
  readonly tags: readonly Tag[];
  readonly marks: readonly Mark[];
  readonly faults: readonly Fault[];
}

export function readState(native: Native, folder: string, bootId: string): State {
  const faults: Fault[] = [];
  let tags: readonly Tag[] = [];
  // Another's claims and marks, root's, are not this user's to read: nothing failed.
  if (!isOwn(folder)) return { tags, marks: [], faults };
  try {
    const listing = native.readTags(join(folder, "tags"));
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
    if (stored.bootId !== bootId || !Array.isArray(stored.marks)) return [];
    return stored.marks.filter(isMark);
  } catch (error) {
    // A missing or torn file only means that the orphans are marked afresh: later, never sooner.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      faults.push({ what: `read ${file}`, detail: `${(error as Error).message}; the marks are made afresh` });
    return [];
  }
}

function isMark(value: unknown): value is Mark {
  const mark = value as Partial<Record<keyof Mark, unknown>> | null;
  return [mark?.pid, mark?.startTime, mark?.seenUptime].every((field) => Number.isSafeInteger(field));
}

/** Writes all marks at once, by rename; none left removes the file. */
export function writeMarks(folder: string, bootId: string, marks: readonly Mark[]): void {
  const file = join(folder, "marks.json");
  if (marks.length === 0) {
    rmSync(file, { force: true });
    return;
  }
  replaceFile(file, `${JSON.stringify({ bootId, marks })}\n`, 0o600);
}
