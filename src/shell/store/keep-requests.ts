/** The folder in which users ask that their trees be left alone. Everybody can write to it, so everything in it is checked. */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
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
import { systemMinUid } from "../config.ts";
import { readAtMost, withOpenFile } from "./safe-files.ts";
import { isTrustedOwner } from "./service-account.ts";

/** Root's, mode 1733: every user can make files in it, remove only their own, and cannot list it. */
export const KEEP_FOLDER = "/run/vscode-grim-reaper-keep";

const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
/** How many entries one sweep checks: twice what the folder's own file system holds (nr_inodes of its mount unit). */
const MAX_ENTRIES = 16_384;
/** How many faults a sweep reports one by one for each user, and for how many users. */
const MAX_REPORTED = 3;
const MAX_USERS = 10;

/** The folder cannot be used: it does not exist, or it is not root's. */
export class KeepFolderError extends Error {}

/**
 * Reads the requests of these users that hold at `now`. Each is looked up by name, so that no number of other entries can
 * hide it. A request that cannot be read counts; an entry that is not the user's own does not count and is a fault.
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
    // Guard: another user's folder may contain anything; a folder that cannot be read may contain requests.
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

/** Returns false if there is no folder. Guard: only a folder of root's or a system account's with the sticky bit counts. */
function isThere(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found) return false;
  // The mount unit gives it to the account of the sweep, also where a site has the sweep run as root.
  const isTrusted = isTrustedOwner(found.uid) || found.uid < systemMinUid();
  if (!found.isDirectory() || !isTrusted || (found.mode & 0o1000) === 0)
    throw new KeepFolderError(
      "it is not a folder of root's with the sticky bit; remove it, then start its mount unit",
    );
  return true;
}

function readEntry(folder: string, name: string): KeepEntry | null {
  const path = join(folder, name);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return null;
  const named = entryOf(name, found);
  if (whyNotReadable(named) !== null) return { ...named, text: null };
  try {
    return withOpenFile(path, (fd, status) => {
      const opened = entryOf(name, status);
      if (whyNotReadable(opened) !== null) return { ...opened, text: null };
      return { ...opened, text: readAtMost(fd, MAX_KEEP_BYTES).toString("latin1") };
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
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
 * Removes entries that keep other users from asking: those under their names, and those that take up the space. To remove
 * an entry of root's own folder follows no link and needs no capability. One call checks at most MAX_ENTRIES entries.
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
            detail: `it holds more than ${MAX_ENTRIES} entries; the rest was not checked`,
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
    // readKeeps has already reported what is wrong with the folder itself.
    if (!(error instanceof KeepFolderError)) faults.push({ what, detail: (error as Error).message });
  }
  return limitByUser(faults, folder);
}

/** Keeps a few faults of each user, and counts the rest: a user's thousand files hide no other user's. */
function limitByUser(faults: readonly Fault[], folder: string): Fault[] {
  const byUser = new Map<number | undefined, Fault[]>();
  for (const fault of faults)
    byUser.set(fault.uid, [...(byUser.get(fault.uid) ?? []).slice(0, MAX_REPORTED), fault]);
  const counts = new Map<number | undefined, number>();
  for (const { uid } of faults) counts.set(uid, (counts.get(uid) ?? 0) + 1);
  const shown = [...byUser].slice(0, MAX_USERS).flatMap(([uid, some]) => {
    const rest = (counts.get(uid) ?? 0) - MAX_REPORTED;
    if (rest <= 0) return some;
    const detail = `${rest} more entries of uid ${uid} were wrong as well`;
    return [...some.slice(0, MAX_REPORTED), { what: `tidy ${folder}`, uid: uid ?? 0, detail }];
  });
  const users = byUser.size - MAX_USERS;
  return users <= 0
    ? shown
    : [...shown, { what: `tidy ${folder}`, uid: 0, detail: `${users} more users had wrong entries there` }];
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
    // Guard: this program never walks a user's folder. It gives it another name, under which the service has
    // systemd-tmpfiles remove it (systemd/vscode-grim-reaper.tmpfiles.conf).
    if (/[/]\.squatter\.[^/]*$/.test(path))
      return "systemd-tmpfiles --remove vscode-grim-reaper.conf removes it";
    const aside = `.squatter.${found.uid}.${found.ino}`;
    renameSync(path, join(path, "..", aside));
    return `it is not empty, so it is now called ${aside}, which the service removes`;
  }
}

/** Writes the caller's own request. @throws KeepFolderError if there is no folder for requests */
export function writeKeep(folder: string, uid: number, until: number): void {
  if (!isThere(folder)) throw new KeepFolderError("it does not exist; its mount unit makes it at boot");
  // One write of the same length in place: a sweep reads either the old line or the new one.
  const fd = openSync(join(folder, String(uid)), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const { nlink, uid: owner } = fstatSync(fd);
    if (owner !== uid || nlink !== 1) throw new Error(`uid ${owner} has made it; a sweep will remove it`);
    writeSync(fd, keepLine(uid, until), 0);
  } finally {
    closeSync(fd);
  }
}

/** Removes the caller's own request; returns false if there was none. */
export function removeKeep(folder: string, uid: number): boolean {
  try {
    unlinkSync(join(folder, String(uid)));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
