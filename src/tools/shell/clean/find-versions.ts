/** Finds the installed versions below the server folders of the caller's home. */

import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { Version } from "../../core/clean/choose.ts";
import {
  holdsVersions,
  type Part,
  PROGRAMS_INSIDE,
  partOf,
  type ServerFolder,
  TRACES_INSIDE,
} from "../../core/clean/layout.ts";
import { Folder } from "./folder.ts";

export interface Found {
  readonly versions: readonly Version[];
  /** What could not be looked at, a line each. */
  readonly errors: readonly string[];
}

/** Guard: a folder with more entries is none that a server makes. */
const MAX_ENTRIES = 10_000;

/** Versions of all server folders, unmeasured. `pidOf` answers which process runs one. */
export function findVersions(
  home: string,
  uid: number,
  folders: readonly ServerFolder[],
  pidOf: (folder: string, version: string) => number | null,
): Found {
  const versions: Version[] = [];
  const errors: string[] = [];
  for (const { product, path } of folders) {
    const named = join(home, path);
    try {
      const folder = openServerFolder(named, uid);
      if (folder === null) continue;
      try {
        // Two names of one folder: its versions count once.
        if (versions.some((one) => one.folder === folder.path)) continue;
        versions.push(...versionsIn(folder, product, pidOf, errors));
      } finally {
        folder.open.close();
      }
    } catch (error) {
      errors.push(`${named}: ${(error as Error).message}`);
    }
  }
  return { versions, errors };
}

/** A server folder with its path, where its own symbolic link has been followed. */
export interface OpenServerFolder {
  readonly open: Folder;
  readonly path: string;
}

/** Null: there is none. @throws when it is not the caller's */
export function openServerFolder(named: string, uid: number): OpenServerFolder | null {
  let path: string;
  try {
    path = realpathSync(named);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const open = Folder.open(path);
  if (open.stats.uid === uid) return { open, path };
  open.close();
  // Guard: a link to another user's folder would make this user remove what both share.
  throw new Error(`belongs to uid ${open.stats.uid}, not to you; it is left alone`);
}

function versionsIn(
  folder: OpenServerFolder,
  product: string,
  pidOf: (folder: string, version: string) => number | null,
  errors: string[],
): Version[] {
  const parts = partsIn(folder, product, errors);
  const names = [...new Set(parts.filter(({ role }) => role === "install").map(({ version }) => version))];
  return names.map((version): Version => {
    const own = parts.filter((part) => part.version === version);
    return {
      ...datesOf(folder.open, own),
      product,
      folder: folder.path,
      version,
      kib: null,
      pid: pidOf(folder.path, version),
    };
  });
}

function partsIn({ open, path }: OpenServerFolder, product: string, errors: string[]): Part[] {
  const parts: Part[] = [];
  const pending = [""];
  for (let above = pending.pop(); above !== undefined; above = pending.pop()) {
    const folder = open.descend(above);
    try {
      const names = folder.names();
      if (names.length > MAX_ENTRIES) throw new Error(`holds more than ${MAX_ENTRIES} entries`);
      for (const name of names) {
        const part = partOf(product, above, name);
        const below = above === "" ? name : `${above}/${name}`;
        if (part === null && !holdsVersions(below)) continue;
        const entry = folder.entry(name);
        // Guard: the link of the server folder itself is the user's choice; one inside it may lead anywhere.
        if (entry?.isSymbolicLink()) errors.push(`${join(path, below)}: a symbolic link; it is left alone`);
        else if (part) parts.push(part);
        else if (entry?.isDirectory()) pending.push(below);
      }
    } catch (error) {
      errors.push(`${join(path, above)}: ${(error as Error).message}`);
    } finally {
      folder.close();
    }
  }
  return parts;
}

type Dates = Pick<
  Version,
  "installs" | "traces" | "tracedAt" | "usedAt" | "placedAt" | "installedAt" | "leftover"
>;

/** Reads when the parts of a version were written. @throws */
export function datesOf(folder: Folder, parts: readonly Part[]): Dates {
  const traced: number[] = [];
  const installed: number[] = [];
  const placed: number[] = [];
  const read: number[] = [];
  for (const { path, role } of parts) {
    const found = statBelow(folder, path);
    if (found === null) continue;
    if (role === "trace") {
      traced.push(found.mtimeMs);
      continue;
    }
    // An archive brings the day of the build along: mtime orders versions, ctime says when this one came here.
    installed.push(found.mtimeMs);
    placed.push(found.ctimeMs);
    for (const name of TRACES_INSIDE) {
      const inside = found.isDirectory() ? statBelow(folder, `${path}/${name}`) : null;
      if (inside) traced.push(inside.mtimeMs);
    }
    for (const name of PROGRAMS_INSIDE) {
      const inside = found.isDirectory() ? statBelow(folder, `${path}/${name}`) : found;
      if (inside) read.push(inside.atimeMs);
    }
  }
  const newest = (times: readonly number[]): number => times.reduce((a, b) => Math.max(a, b), 0);
  const tracedAt = traced.length > 0 ? newest(traced) : null;
  const pathsOf = (role: Part["role"]): string[] =>
    parts.filter((part) => part.role === role).map(({ path }) => path);
  return {
    installs: pathsOf("install"),
    traces: pathsOf("trace"),
    tracedAt,
    // Backups read every file, so that the last read counts only where no log is kept.
    usedAt: Math.max(newest(installed), tracedAt ?? newest(read)),
    placedAt: newest(placed),
    installedAt: newest(installed),
    leftover: parts.filter(({ role }) => role === "install").every(({ leftover }) => leftover),
  };
}

function statBelow(folder: Folder, path: string): ReturnType<Folder["entry"]> {
  const at = path.lastIndexOf("/");
  let above: Folder;
  try {
    above = folder.descend(path.slice(0, Math.max(at, 0)));
  } catch (error) {
    // Nothing of that name, or a link, which dates nothing.
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
  try {
    return above.entry(path.slice(at + 1));
  } finally {
    above.close();
  }
}
