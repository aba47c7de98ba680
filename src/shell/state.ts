/** What outlives a sweep, below /run: the lock, the tags and the marks. Root's alone, gone at boot. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Fault, Mark, Tag } from "../core/types.ts";
import { replaceFile } from "./files.ts";
import type { Native } from "./native.ts";

export const RUN_FOLDER = "/run/vscode-grim-reaper";
/** What outlives a boot: the ledger and the notices. Its folder may be entered by all, its files each say who may read. */
export const STATE_FOLDER = "/var/lib/vscode-grim-reaper";

export interface State {
  readonly tags: readonly Tag[];
  readonly marks: readonly Mark[];
  readonly faults: readonly Fault[];
}

export function readState(native: Native, folder: string, bootId: string): State {
  const faults: Fault[] = [];
  let tags: readonly Tag[] = [];
  try {
    const listing = native.readTags(join(folder, "tags"));
    tags = listing.tags;
    faults.push(...listing.faults);
  } catch (error) {
    faults.push({ what: `read the tags in ${join(folder, "tags")}`, detail: (error as Error).message });
  }
  return { tags, marks: readMarks(join(folder, "marks.json"), bootId, faults), faults };
}

function readMarks(file: string, bootId: string, faults: Fault[]): Mark[] {
  try {
    const stored = JSON.parse(readFileSync(file, "utf8")) as { bootId?: unknown; marks?: unknown };
    if (stored.bootId !== bootId || !Array.isArray(stored.marks)) return [];
    return stored.marks.filter(isMark);
  } catch (error) {
    // A missing or torn file only means that the orphans are marked afresh: later, never sooner.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      faults.push({ what: `read ${file}`, detail: (error as Error).message });
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
