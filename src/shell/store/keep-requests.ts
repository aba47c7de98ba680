/** The folder where users ask that their trees be left alone: open to all, so nothing in it is taken on trust. */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Fault } from "../../core/observation/fault.ts";
import type { Keep } from "../../core/observation/observation.ts";
import {
  type KeepEntry,
  keepLine,
  MAX_KEEP_BYTES,
  readKeep,
  whyNotReadable,
  whyRemove,
} from "../../core/policy/keep-request.ts";
import { escapeText } from "../../core/text/safe-text.ts";

/** root's, mode 1733: anybody makes files in it, removes their own alone, and cannot list those of others. */
export const KEEP_FOLDER = "/run/vscode-grim-reaper-keep";

const { O_RDONLY, O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
/** How much of the folder is tidied in one sweep, and how many of its faults are told one by one. */
const MAX_ENTRIES = 4096;
const MAX_TOLD = 10;

/** The folder cannot be used by anybody: it is not there, or not root's. */
export class KeepFolderError extends Error {}

/**
 * The requests of these users that hold at `now`. Each is looked up by name, so that no number of other entries hides
 * one. One that could not be read counts as made; one that is not the user's own does not, and is a fault.
 */
export function readKeeps(
  folder: string,
  uids: readonly number[],
  max: number,
  now: number,
): { keeps: Keep[]; faults: Fault[] } {
  const keeps: Keep[] = [];
  const faults: Fault[] = [];
  if (max === 0) return { keeps, faults };
  const what = `read the requests in ${folder}`;
  try {
    if (!isThere(folder)) return { keeps, faults };
  } catch (error) {
    faults.push({ what, detail: (error as Error).message });
    // Guard: a folder of somebody else's may hold anything; one that cannot be looked at may hold requests.
    const unread = error instanceof KeepFolderError ? [] : uids.map((uid): Keep => ({ uid, until: null }));
    return { keeps: unread, faults };
  }
  for (const uid of uids) {
    const file = join(folder, String(uid));
    try {
      const entry = readEntry(folder, String(uid));
      if (entry === null) continue;
      const answer = readKeep(entry, now, max);
      if ("fault" in answer)
        faults.push({ what: `take ${file} for a request`, uid: entry.owner, detail: answer.fault });
      else if (answer.keep) keeps.push(answer.keep);
    } catch (error) {
      faults.push({ what: `read ${file}`, uid, detail: (error as Error).message });
      keeps.push({ uid, until: null });
    }
  }
  return { keeps, faults };
}

/** False: there is no such folder. Guard: only one that root alone rules, with the sticky bit, counts. */
function isThere(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found) return false;
  if (!found.isDirectory() || found.uid !== 0 || (found.mode & 0o1000) === 0)
    throw new KeepFolderError(
      "it is not a folder of root's with the sticky bit; remove it, then run systemd-tmpfiles --create",
    );
  return true;
}

function readEntry(folder: string, name: string): KeepEntry | null {
  const path = join(folder, name);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return null;
  const named = entryOf(name, found);
  if (whyNotReadable(named) !== null) return { ...named, text: null };
  let fd: number;
  try {
    // Guard: no link is followed, and a pipe that took the file's place does not hold the sweep.
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    // What was opened is what is judged, whatever the name meant before.
    const opened = entryOf(name, fstatSync(fd));
    if (whyNotReadable(opened) !== null) return { ...opened, text: null };
    const bytes = Buffer.alloc(MAX_KEEP_BYTES);
    return { ...opened, text: bytes.toString("latin1", 0, readSync(fd, bytes, 0, bytes.length, 0)) };
  } finally {
    closeSync(fd);
  }
}

function entryOf(name: string, stats: Stats): Omit<KeepEntry, "text"> {
  const kind = stats.isFile()
    ? "file"
    : stats.isDirectory()
      ? "folder"
      : stats.isSymbolicLink()
        ? "link"
        : "other";
  return { name, kind, owner: stats.uid, links: stats.nlink, size: stats.size, ctime: stats.ctimeMs };
}

/**
 * Takes out what keeps other users from asking: what bears their name, and what takes up their room. Removing an entry of a
 * folder that is root's own follows no link and needs no capability. Bounded, and what is left is told.
 */
export function tidyKeeps(folder: string): Fault[] {
  const faults: Fault[] = [];
  const what = `tidy ${folder}`;
  try {
    if (!isThere(folder)) return [];
    const directory = opendirSync(folder);
    try {
      let seen = 0;
      for (let found = directory.readSync(); found !== null; found = directory.readSync()) {
        if (++seen > MAX_ENTRIES) {
          faults.push({
            what,
            uid: 0,
            detail: `it holds more than ${MAX_ENTRIES} entries; the rest was not looked at`,
          });
          break;
        }
        const fault = removeSquatter(folder, found.name);
        if (fault) faults.push(fault);
      }
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    // What is wrong with the folder itself, the look has told already.
    if (!(error instanceof KeepFolderError)) faults.push({ what, detail: (error as Error).message });
  }
  const untold = faults.length - MAX_TOLD;
  return untold > 0
    ? [...faults.slice(-MAX_TOLD), { what, uid: 0, detail: `${untold} more entries were wrong as well` }]
    : faults;
}

function removeSquatter(folder: string, name: string): Fault | null {
  const path = join(folder, name);
  const what = `take ${escapeText(path)} for a request`;
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found) return null;
    const why = whyRemove(entryOf(name, found));
    return why === null ? null : { what, uid: found.uid, detail: `${why}; ${remove(path, found)}` };
  } catch (error) {
    return { what, detail: (error as Error).message };
  }
}

function remove(path: string, found: Stats): string {
  if (!found.isDirectory()) {
    unlinkSync(path);
    return "removed";
  }
  try {
    rmdirSync(path);
    return "removed";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
    // Guard: what lies in a user's folder is never walked; its name is what was in the way.
    if (/[/]\.squatter\.[^/]*$/.test(path)) return "remove it by hand";
    const aside = `.squatter.${found.uid}.${found.ino}`;
    renameSync(path, join(path, "..", aside));
    return `it holds something, so it is now called ${aside}; remove it by hand`;
  }
}

/** Makes the caller's own request. @throws KeepFolderError where there is no folder for them */
export function writeKeep(folder: string, uid: number, until: number): void {
  if (!isThere(folder)) throw new KeepFolderError("there is none; the package's tmpfiles.d makes it at boot");
  // Written over in place, by one call and at one length: a sweep reads the old line or the new one.
  const fd = openSync(join(folder, String(uid)), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const { nlink, uid: owner } = fstatSync(fd);
    if (owner !== uid || nlink !== 1)
      throw new Error(`uid ${owner} has taken its name; a sweep will remove it`);
    writeSync(fd, keepLine(uid, until), 0);
  } finally {
    closeSync(fd);
  }
}

/** Withdraws it; false when there was none. */
export function removeKeep(folder: string, uid: number): boolean {
  try {
    unlinkSync(join(folder, String(uid)));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
