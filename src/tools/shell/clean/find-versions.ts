/** Finds the installed versions below the server folders of the caller's home. */

import { realpathSync, type Stats } from "node:fs";
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

/** Answers which process runs a version of a server folder, or null. */
export type PidOf = (folder: string, version: string) => number | null;

/** Guard: no server makes a folder with more entries. */
const MAX_ENTRIES = 10_000;

/** Versions of all server folders, unmeasured. */
export function findVersions(
  home: string,
  uid: number,
  folders: readonly ServerFolder[],
  pidOf: PidOf,
): Found {
  const versions: Version[] = [];
  const errors: string[] = [];
  for (const { product, path: named } of folders) {
    const at = join(home, named);
    try {
      inServerFolder(at, uid, (open, path) => {
        // Two names of one folder: its versions count once.
        if (versions.some(({ folder }) => folder === path)) return;
        const parts = partsIn(open, path, product, errors);
        versions.push(...versionsOf(parts, open, path, product, pidOf));
      });
    } catch (error) {
      errors.push(`${at}: ${(error as Error).message}`);
    }
  }
  return { versions, errors };
}

/** Acts in a server folder, whose own symbolic link is followed. Null: there is none. @throws when it is not the caller's */
export function inServerFolder<T>(
  named: string,
  uid: number,
  act: (open: Folder, path: string) => T,
): T | null {
  let path: string;
  try {
    path = realpathSync(named);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  return Folder.in(path, (open) => {
    // Guard: a link to another user's folder would make this user remove what both share.
    if (open.stats.uid !== uid)
      throw new Error(`belongs to uid ${open.stats.uid}, not to you; it is left alone`);
    return act(open, path);
  });
}

function versionsOf(
  parts: readonly Part[],
  open: Folder,
  folder: string,
  product: string,
  pidOf: PidOf,
): Version[] {
  const pathsOf = (role: Part["role"], version: string): string[] =>
    parts.flatMap((part) => (part.role === role && part.version === version ? [part.path] : []));
  const installs = parts.filter(({ role }) => role === "install");
  return [...new Set(installs.map(({ version }) => version))].map((version): Version => {
    const paths = { installs: pathsOf("install", version), traces: pathsOf("trace", version) };
    return {
      ...paths,
      ...datesOf(open, paths),
      product,
      folder,
      version,
      leftover: installs.every((part) => part.version !== version || part.leftover),
      kib: null,
      pid: pidOf(folder, version),
    };
  });
}

function partsIn(open: Folder, path: string, product: string, errors: string[]): Part[] {
  const read = (folder: Folder, above: string): Part[] => {
    const names = folder.names();
    if (names.length > MAX_ENTRIES) throw new Error(`holds more than ${MAX_ENTRIES} entries`);
    return names.flatMap((name): Part[] => {
      const part = partOf(product, above, name);
      const below = above === "" ? name : `${above}/${name}`;
      if (part === null && !holdsVersions(below)) return [];
      try {
        const entry = folder.entry(name);
        // Guard: the link of the server folder itself is the user's choice; one inside it may lead anywhere.
        if (entry?.isSymbolicLink()) throw new Error("a symbolic link; it is left alone");
        if (part) return [part];
        return entry?.isDirectory() ? Folder.in(folder.at(name), (inside) => read(inside, below)) : [];
      } catch (error) {
        errors.push(`${join(path, below)}: ${(error as Error).message}`);
        return [];
      }
    });
  };
  return read(open, "");
}

/** Reads when the parts of a version were written. @throws */
export function datesOf(
  folder: Folder,
  { installs, traces }: Pick<Version, "installs" | "traces">,
): Pick<Version, "tracedAt" | "usedAt" | "placedAt" | "installedAt"> {
  const stat = (path: string): Stats[] => {
    const found = statBelow(folder, path);
    return found === null ? [] : [found];
  };
  const inside = (path: string, names: readonly string[]): Stats[] =>
    names.flatMap((name) => stat(`${path}/${name}`));
  const newest = (times: readonly number[]): number => times.reduce((a, b) => Math.max(a, b), 0);
  const installed = installs.flatMap(stat);
  const traced = [...traces.flatMap(stat), ...installs.flatMap((path) => inside(path, TRACES_INSIDE))];
  const programs = installs.flatMap((path) =>
    stat(path).flatMap((found) => (found.isDirectory() ? inside(path, PROGRAMS_INSIDE) : found)),
  );
  // An archive brings the day of the build along: mtime orders versions, ctime says when this one came here.
  const installedAt = newest(installed.map(({ mtimeMs }) => mtimeMs));
  const tracedAt = traced.length > 0 ? newest(traced.map(({ mtimeMs }) => mtimeMs)) : null;
  return {
    tracedAt,
    // Backups read every file, so that the last read counts only where no log is kept.
    usedAt: Math.max(installedAt, tracedAt ?? newest(programs.map(({ atimeMs }) => atimeMs))),
    placedAt: newest(installed.map(({ ctimeMs }) => ctimeMs)),
    installedAt,
  };
}

function statBelow(folder: Folder, path: string): Stats | null {
  try {
    return folder.holding(path, (above, name) => above.entry(name));
  } catch (error) {
    // Nothing of that name, or a link, whose dates say nothing.
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}
