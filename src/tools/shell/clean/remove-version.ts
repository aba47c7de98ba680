/** Removes one installed version: renamed first, looked at once more, then removed. */

import { renameSync, type Stats, unlinkSync } from "node:fs";
import type { Version } from "../../core/clean/choose.ts";
import { LEFTOVER } from "../../core/clean/layout.ts";
import { datesOf, inServerFolder, type PidOf } from "./find-versions.ts";
import { type Folder, type WalkPorts, walk } from "./folder.ts";

export interface RemovePorts extends WalkPorts {
  readonly uid: number;
  /** Asks the processes of this moment. */
  readonly pidOf: PidOf;
}

/** The disk space of a version in KiB. @throws */
export function measureVersion(version: Version, uid: number, ports: WalkPorts): number {
  return inFolderOf(version, uid, (folder) =>
    version.installs.reduce(
      (kib, path) => kib + folder.holding(path, (above, name) => walk(above, name, "measure", ports)),
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
  return inFolderOf(version, ports.uid, (folder) => {
    const rename = (from: string, to: string): void =>
      folder.holding(from, (above, name) => renameSync(above.at(name), above.at(nameOf(to))));
    const renamed: string[] = [];
    const takeBack = (): void => {
      for (const path of renamed) rename(leftoverOf(path), path);
    };
    let why: string | null;
    try {
      for (const path of version.installs) {
        folder.holding(path, (above, name) => checkOwner(above.entry(name), path, ports.uid));
        if (leftoverOf(path) === path) continue;
        rename(path, leftoverOf(path));
        renamed.push(path);
      }
      why = usedSince(folder, version, ports);
    } catch (error) {
      takeBack();
      throw error;
    }
    if (why !== null) {
      takeBack();
      return why;
    }
    for (const path of version.installs)
      folder.holding(leftoverOf(path), (above, name) => walk(above, name, "remove", ports));
    for (const path of version.traces)
      folder.holding(path, (above, name) => {
        if (above.entry(name)?.isFile()) unlinkSync(above.at(name));
      });
    return null;
  });
}

function usedSince(folder: Folder, version: Version, { pidOf }: RemovePorts): string | null {
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

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

function leftoverOf(path: string): string {
  const name = nameOf(path);
  return name.startsWith(LEFTOVER) ? path : `${path.slice(0, path.length - name.length)}${LEFTOVER}${name}`;
}

function inFolderOf<T>({ folder }: Version, uid: number, act: (open: Folder) => T): T {
  const done = inServerFolder(folder, uid, (open, path) => {
    if (path !== folder) throw new Error(`leads to ${path} now`);
    return [act(open)] as const;
  });
  if (done === null) throw new Error("it is gone");
  return done[0];
}
