/** Removes one installed version: renamed first, looked at once more, then removed. */

import { renameSync, unlinkSync } from "node:fs";
import type { Version } from "../../core/clean/choose.ts";
import { LEFTOVER, type Part } from "../../core/clean/layout.ts";
import { datesOf, openServerFolder } from "./find-versions.ts";
import type { Folder } from "./folder.ts";
import { measureTree, removeTree, type WalkPorts } from "./walk.ts";

export interface RemovePorts extends WalkPorts {
  readonly uid: number;
  /** Asks the processes of this moment. */
  readonly pidOf: (folder: string, version: string) => number | null;
}

/** The disk space of a version in KiB. @throws */
export function measureVersion(version: Version, uid: number, ports: WalkPorts): number {
  return inServerFolder(version.folder, uid, (folder) =>
    version.installs.reduce(
      (kib, path) => kib + inFolderOf(folder, path, (above, name) => measureTree(above, name, ports)),
      0,
    ),
  );
}

/**
 * Removes a version. Returns why it was spared after all, or null when it is gone. Renamed, it is out of the way of a
 * server that starts meanwhile; one that had started before is found by the second look, and everything is named back.
 * @throws when something of it cannot be removed; the next `clean` goes on with the rest
 */
export function removeVersion(version: Version, ports: RemovePorts): string | null {
  return inServerFolder(version.folder, ports.uid, (folder) => {
    const renamed: { readonly from: string; readonly to: string }[] = [];
    const takeBack = (): void => {
      for (const { from, to } of renamed.splice(0)) rename(folder, to, from);
    };
    try {
      for (const from of version.installs) {
        const to = leftoverOf(from);
        checkOwner(folder, from, ports.uid);
        if (to !== from) {
          rename(folder, from, to);
          renamed.push({ from, to });
        }
      }
      const why = usedSince(folder, version, ports);
      if (why !== null) {
        takeBack();
        return why;
      }
    } catch (error) {
      takeBack();
      throw error;
    }
    for (const path of version.installs)
      inFolderOf(folder, leftoverOf(path), (above, name) => removeTree(above, name, ports));
    for (const path of version.traces)
      inFolderOf(folder, path, (above, name) => {
        if (above.entry(name)?.isFile()) unlinkSync(above.at(name));
      });
    return null;
  });
}

function usedSince(folder: Folder, version: Version, ports: RemovePorts): string | null {
  const pid = ports.pidOf(version.folder, version.version);
  if (pid !== null) return `process ${pid} runs it now`;
  const asPart = (role: Part["role"], path: string): Part => ({
    version: version.version,
    path,
    role,
    leftover: false,
  });
  const { tracedAt } = datesOf(folder, [
    ...version.installs.map((path) => asPart("install", leftoverOf(path))),
    ...version.traces.map((path) => asPart("trace", path)),
  ]);
  return (tracedAt ?? 0) > (version.tracedAt ?? 0) ? "its log or lock was written meanwhile" : null;
}

/** Guard: a folder that another user put in its place is not the caller's to remove. */
function checkOwner(folder: Folder, path: string, uid: number): void {
  inFolderOf(folder, path, (above, name) => {
    const found = above.entry(name);
    if (found === null) throw new Error(`${path}: it is gone`);
    if (found.uid !== uid) throw new Error(`${path}: belongs to uid ${found.uid}`);
    if (!found.isDirectory() && !found.isFile()) throw new Error(`${path}: neither a file nor a folder`);
  });
}

function leftoverOf(path: string): string {
  const at = path.lastIndexOf("/") + 1;
  const name = path.slice(at);
  return name.startsWith(LEFTOVER) ? path : `${path.slice(0, at)}${LEFTOVER}${name}`;
}

function rename(folder: Folder, from: string, to: string): void {
  inFolderOf(folder, from, (above, name) =>
    renameSync(above.at(name), above.at(to.slice(to.lastIndexOf("/") + 1))),
  );
}

function inServerFolder<T>(path: string, uid: number, act: (folder: Folder) => T): T {
  const opened = openServerFolder(path, uid);
  if (opened === null) throw new Error("it is gone");
  try {
    if (opened.path !== path) throw new Error(`leads to ${opened.path} now`);
    return act(opened.open);
  } finally {
    opened.open.close();
  }
}

function inFolderOf<T>(folder: Folder, path: string, act: (above: Folder, name: string) => T): T {
  const at = path.lastIndexOf("/");
  const above = folder.descend(path.slice(0, Math.max(at, 0)));
  try {
    return act(above, path.slice(at + 1));
  } finally {
    above.close();
  }
}
