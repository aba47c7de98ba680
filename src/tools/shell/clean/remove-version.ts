/** Measures installed versions; removes one: renamed first, looked at once more, then removed. */

import { renameSync, type Stats, unlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { runTool, type ToolError } from "../../../shell/host/run-tool.ts";
import type { Version } from "../../core/clean/choose.ts";
import { LEFTOVER } from "../../core/clean/layout.ts";
import { datesOf, inServerFolder, type PidOf } from "./find-versions.ts";
import type { Folder } from "./folder.ts";

/** A home on a slow file server may hold a million files. */
const DEADLINE_MS = 3_600_000;

/** Adds the disk space that du(1) counts: what is shared by hard links counts once, for the version listed first. */
export function measured(versions: readonly Version[]): { versions: Version[]; errors: string[] } {
  const pathsOf = ({ folder, installs }: Version): string[] => installs.map((path) => join(folder, path));
  const { output, errors } = diskUsage(versions.flatMap(pathsOf));
  const sizes = new Map<string, number>();
  for (const [, kib, path = ""] of output.matchAll(/(\d+)\t([^\0]+)\0/g)) sizes.set(path, Number(kib));
  const sizeOf = (version: Version): number | null =>
    pathsOf(version).reduce<number | null>((sum, path) => {
      const kib = sizes.get(path);
      return sum === null || kib === undefined ? null : sum + kib;
    }, 0);
  return { versions: versions.map((version) => ({ ...version, kib: sizeOf(version) })), errors };
}

function diskUsage(paths: readonly string[]): { output: string; errors: string[] } {
  if (paths.length === 0) return { output: "", errors: [] };
  const args = ["--summarize", "--one-file-system", "--block-size=1K", "--null", "--", ...paths];
  try {
    return { output: runTool("/usr/bin/du", args, DEADLINE_MS), errors: [] };
  } catch (error) {
    const { output, message } = error as ToolError;
    return { output, errors: [message] };
  }
}

/**
 * Removes a version. Returns why it was spared after all, or null when it is gone. Renamed, it is out of the way of a
 * server that starts meanwhile; one that had started before is found by the second look, and everything is named back.
 * @throws when something of it cannot be removed; the next `clean` goes on with the rest
 */
export function removeVersion(version: Version, uid: number, pidOf: PidOf): string | null {
  return inFolderOf(version, uid, (folder) => {
    const rename = (from: string, to: string): void =>
      folder.holding(from, (above, name) => renameSync(above.at(name), above.at(basename(to))));
    const renamed: string[] = [];
    let why: string | null = "not looked at again";
    try {
      for (const path of version.installs) {
        folder.holding(path, (above, name) => checkOwner(above.entry(name), path, uid));
        if (leftoverOf(path) === path) continue;
        rename(path, leftoverOf(path));
        renamed.push(path);
      }
      why = usedSince(folder, version, pidOf);
    } finally {
      if (why !== null) for (const path of renamed) rename(leftoverOf(path), path);
    }
    if (why !== null) return why;
    for (const path of version.installs) folder.holding(leftoverOf(path), removeEntry);
    for (const path of version.traces)
      folder.holding(path, (above, name) => {
        if (above.entry(name)?.isFile()) unlinkSync(above.at(name));
      });
    return null;
  });
}

/**
 * Removes an entry with all that it holds. GNU rm opens each folder below the last one and follows no link.
 * @throws with the first thing that could not be removed
 */
function removeEntry(above: Folder, name: string): void {
  const at = above.at(name);
  const readOnly = ["-xdev", "-type", "d", "!", "-perm", "-700"];
  try {
    // Packages come with folders in which their owner may remove nothing.
    runTool("/usr/bin/find", [at, ...readOnly, "-exec", "/usr/bin/chmod", "u+rwx", "{}", ";"], DEADLINE_MS);
    // Guard: a mounted file system inside is not part of the version.
    runTool("/usr/bin/rm", ["--recursive", "--force", "--one-file-system", "--", at], DEADLINE_MS);
  } catch (error) {
    throw new Error((error as Error).message.replaceAll(`${above.path}/`, ""));
  }
}

function usedSince(folder: Folder, version: Version, pidOf: PidOf): string | null {
  const pid = pidOf(version.folder, version.version);
  if (pid !== null) return `process ${pid} runs it now`;
  const { tracedAt } = datesOf(folder, { ...version, installs: version.installs.map(leftoverOf) });
  return (tracedAt ?? 0) > (version.tracedAt ?? 0) ? "its log or lock was written meanwhile" : null;
}

/** Guard: a folder that another user put in its place is not the caller's to remove. */
function checkOwner(found: Stats | null, path: string, uid: number): void {
  if (found === null) throw new Error(`${path}: it is gone`);
  if (found.uid !== uid) throw new Error(`${path}: belongs to uid ${found.uid}`);
  if (!found.isDirectory() && !found.isFile()) throw new Error(`${path}: neither a file nor a folder`);
}

const leftoverOf = (path: string): string => {
  const at = path.lastIndexOf("/") + 1;
  return path.startsWith(LEFTOVER, at) ? path : `${path.slice(0, at)}${LEFTOVER}${path.slice(at)}`;
};

function inFolderOf<T>({ folder }: Version, uid: number, act: (open: Folder) => T): T {
  const done = inServerFolder(folder, uid, (open, path) => {
    if (path !== folder) throw new Error(`leads to ${path} now`);
    return [act(open)] as const;
  });
  if (done === null) throw new Error("it is gone");
  return done[0];
}
