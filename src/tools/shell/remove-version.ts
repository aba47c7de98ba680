/** Removes an installed version: renamed first, looked at once more, then removed. */

import { lstatSync, realpathSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { runTool } from "../../shell/host/run-tool.ts";
import type { Version } from "../core/clean/choose.ts";
import { LEFTOVER } from "../core/clean/layout.ts";
import { DEADLINE_MS, datesOf, type PidOf } from "./find-versions.ts";

/**
 * Removes a version. Returns why it was spared after all, or null when it is gone. Renamed, it is out of the way of a
 * server that starts meanwhile; one that had started before is found by the second look, and everything is named back.
 * @throws when something of it cannot be removed; the next `clean` goes on with the rest
 */
export function removeVersion(version: Version, uid: number, pidOf: PidOf): string | null {
  const renamed: string[] = [];
  let why: string | null = "not looked at again";
  try {
    for (const path of version.installs) {
      checkOwner(path, uid);
      if (leftoverOf(path) === path) continue;
      renameSync(path, leftoverOf(path));
      renamed.push(path);
    }
    why = usedSince(version, pidOf);
  } finally {
    if (why !== null) for (const path of renamed) renameSync(leftoverOf(path), path);
  }
  if (why !== null) return why;
  for (const path of version.installs) remove(leftoverOf(path));
  for (const path of version.traces) rmSync(path, { force: true });
  return null;
}

/** Removes an entry with all that it holds. GNU rm follows no link. @throws with the first thing that could not be removed */
function remove(path: string): void {
  const readOnly = ["-xdev", "-type", "d", "!", "-perm", "-700"];
  // Packages come with folders in which their owner may remove nothing.
  runTool("/usr/bin/find", [path, ...readOnly, "-exec", "/usr/bin/chmod", "u+rwx", "{}", ";"], DEADLINE_MS);
  // Guard: a mounted file system inside is not part of the version.
  runTool("/usr/bin/rm", ["--recursive", "--force", "--one-file-system", "--", path], DEADLINE_MS);
}

function usedSince(version: Version, pidOf: PidOf): string | null {
  const pid = pidOf(version.folder, version.version);
  if (pid !== null) return `process ${pid} runs it now`;
  const { tracedAt } = datesOf({ ...version, installs: version.installs.map(leftoverOf) });
  return (tracedAt ?? 0) > (version.tracedAt ?? 0) ? "its log or lock was written meanwhile" : null;
}

/**
 * Guard: a link that was put on the way to it, or a folder of another user's in its place, is not the caller's to remove.
 * Whoever can do so after this look can write into the server folder, and runs programs as its user anyway.
 */
function checkOwner(path: string, uid: number): void {
  const found = lstatSync(path);
  if (realpathSync(dirname(path)) !== dirname(path)) throw new Error(`${path}: a link leads there now`);
  if (found.uid !== uid) throw new Error(`${path}: belongs to uid ${found.uid}`);
  if (!found.isDirectory() && !found.isFile()) throw new Error(`${path}: neither a file nor a folder`);
}

function leftoverOf(path: string): string {
  const name = basename(path);
  return name.startsWith(LEFTOVER) ? path : join(dirname(path), LEFTOVER + name);
}
