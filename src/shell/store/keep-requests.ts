/**
 * The folder in which users ask that their trees be left alone. Root makes one place for each user there, a link that the
 * user owns (packaging/keep-places); its modification time is the request. Guard: users can make nothing in the folder and
 * write nothing to a link, so no user can use up the space of the others.
 */

import { lstatSync, lutimesSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "../../core/observation/fault.ts";
import type { Keep } from "../../core/observation/observation.ts";
import { type KeepPlace, readKeep } from "../../core/policy/keep-request.ts";

/** Root's, mode 0711. */
export const KEEP_FOLDER = "/run/vscode-grim-reaper-keep";

const OTHERS_MAY_WRITE = 0o022;

/** The folder cannot be used: it is not root's, or others can write to it. */
export class KeepFolderError extends Error {}

/** Reads the requests of these users that hold at `now`. A request that cannot be read counts. */
export function readKeeps(
  folder: string,
  uids: readonly number[],
  max: number,
  now: number,
): { keeps: Keep[]; faults: Fault[] } {
  const keeps: Keep[] = [];
  const faults: Fault[] = [];
  if (max === 0) return { keeps, faults };
  try {
    if (!isThere(folder)) return { keeps, faults };
  } catch (error) {
    faults.push({ what: `read the requests in ${folder}`, detail: (error as Error).message });
    // Guard: another user's folder may contain anything; a folder that cannot be read may contain requests.
    const unread = error instanceof KeepFolderError ? [] : uids.map((uid): Keep => ({ uid, until: null }));
    return { keeps: unread, faults };
  }
  for (const uid of uids) {
    const path = join(folder, String(uid));
    try {
      const place = placeAt(path);
      if (place === null) continue;
      const answer = readKeep(place, uid, now, max);
      if ("fault" in answer) faults.push({ what: `take ${path} for a request`, uid, detail: answer.fault });
      else if (answer.keep) keeps.push(answer.keep);
    } catch (error) {
      faults.push({ what: `read ${path}`, uid, detail: (error as Error).message });
      keeps.push({ uid, until: null });
    }
  }
  return { keeps, faults };
}

/** Returns false if the folder is absent. Guard: only a folder that root owns and root alone can write to counts. */
function isThere(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found) return false;
  if (!found.isDirectory() || found.uid !== 0 || (found.mode & OTHERS_MAY_WRITE) !== 0)
    throw new KeepFolderError(
      "it is not a folder that only root can write to; remove it, then start a sweep",
    );
  return true;
}

function placeAt(path: string): KeepPlace | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return null;
  const kind = found.isSymbolicLink() ? "link" : "other";
  return { kind, owner: found.uid, mtime: found.mtimeMs, ctime: found.ctimeMs };
}

/** Writes the caller's own request. @throws KeepFolderError if root has not made the caller's place */
export function writeKeep(folder: string, uid: number, until: number): void {
  const path = join(folder, String(uid));
  if (!isThere(folder) || placeAt(path)?.owner !== uid)
    throw new KeepFolderError("it has no place for you yet; log in again, or wait for the next sweep");
  lutimesSync(path, Date.now() / 1000, until / 1000);
}

/** Removes the caller's own request; returns false if there was none. */
export function removeKeep(folder: string, uid: number): boolean {
  const path = join(folder, String(uid));
  const place = placeAt(path);
  if (place === null || place.owner !== uid || place.mtime === 0) return false;
  lutimesSync(path, Date.now() / 1000, 0);
  return true;
}
