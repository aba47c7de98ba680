/** Finds the installed versions below the server folders of the caller's home, dates and measures them. */

import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, type Stats } from "node:fs";
import { join } from "node:path";
import { runTool, type ToolError } from "../../shell/host/run-tool.ts";
import type { Version } from "../core/clean/choose.ts";
import {
  HOLDERS,
  PLATFORM,
  PROGRAMS_INSIDE,
  partOf,
  type ServerFolder,
  TRACES_INSIDE,
} from "../core/clean/layout.ts";
import { orNull } from "./ask.ts";

/** Answers which process runs a version of a server folder, or null. */
export type PidOf = (folder: string, version: string) => number | null;

/** Guard: no server makes a folder with more entries. */
const MAX_ENTRIES = 10_000;
/** A home on a slow file server may hold a million files. */
export const DEADLINE_MS = 3_600_000;

/** Versions of all server folders, measured, and what could not be looked at, a line each. */
export function findVersions(home: string, uid: number, folders: readonly ServerFolder[], pidOf: PidOf) {
  const versions: Version[] = [];
  const errors: string[] = [];
  for (const { product, path } of folders) {
    try {
      // The link that a server folder itself is, as to a scratch file system, is the user's choice.
      const folder = realpathSync(join(home, path));
      // Two names of one folder: its versions count once.
      if (versions.some((other) => other.folder === folder)) continue;
      const { uid: owner } = lstatSync(folder);
      // Guard: a link to another user's folder would make this user remove what both share.
      if (owner !== uid) throw new Error(`belongs to uid ${owner}, not to you; it is left alone`);
      versions.push(...versionsIn(folder, product, pidOf, errors));
    } catch (error) {
      note(errors, join(home, path), error);
    }
  }
  return { versions: measured(versions, errors), errors };
}

function versionsIn(folder: string, product: string, pidOf: PidOf, errors: string[]): Version[] {
  const found = new Map<string, { installs: string[]; traces: string[]; leftover: boolean }>();
  const platforms = namesIn(join(folder, "bin"), errors).filter((name) => PLATFORM.test(name));
  for (const above of [...HOLDERS, ...platforms.map((name) => `bin/${name}`)])
    for (const name of namesIn(join(folder, above), errors)) {
      const part = partOf(product, above, name);
      if (part === null) continue;
      const one = found.get(part.version) ?? { installs: [], traces: [], leftover: true };
      found.set(part.version, one);
      one[part.role === "install" ? "installs" : "traces"].push(join(folder, above, name));
      if (part.role === "install") one.leftover &&= part.leftover;
    }
  return [...found].flatMap(([version, one]): Version[] => {
    if (one.installs.length === 0) return [];
    return [{ ...one, ...datesOf(one), product, folder, version, kib: null, pid: pidOf(folder, version) }];
  });
}

/** Lists the names in a folder of a server folder, and none where that folder does not exist. */
function namesIn(path: string, errors: string[]): string[] {
  try {
    // Guard: a link inside a server folder may lead anywhere.
    if (realpathSync(path) !== path) throw new Error("a symbolic link; it is left alone");
    const names = readdirSync(path);
    if (names.length > MAX_ENTRIES) throw new Error(`holds more than ${MAX_ENTRIES} entries`);
    return names;
  } catch (error) {
    note(errors, path, error);
    return [];
  }
}

/** Adds an error to the list once. A file that is not there is not an error. */
function note(errors: string[], path: string, error: unknown): void {
  const { code, message } = error as NodeJS.ErrnoException;
  const line = `${path}: ${message}`;
  if (code !== "ENOENT" && !errors.includes(line)) errors.push(line);
}

/** Reads when the parts of a version were written. */
export function datesOf({ installs, traces }: Pick<Version, "installs" | "traces">) {
  const found = (paths: readonly string[]): Stats[] =>
    paths.flatMap((path) => lstatSync(path, { throwIfNoEntry: false }) ?? []);
  const folders = installs.filter((path) => found([path]).some((one) => one.isDirectory()));
  const inside = (names: readonly string[]): Stats[] =>
    found(folders.flatMap((path) => names.map((name) => join(path, name))));
  const newest = (some: readonly Stats[], time: "atimeMs" | "mtimeMs" | "ctimeMs"): number =>
    some.reduce((most, stats) => Math.max(most, stats[time]), 0);
  const installed = found(installs);
  const traced = [...found(traces), ...inside(TRACES_INSIDE)];
  const programs = [...installed.filter((one) => one.isFile()), ...inside(PROGRAMS_INSIDE)];
  // An archive brings the day of the build along: mtime orders versions, ctime says when this one came here.
  const installedAt = newest(installed, "mtimeMs");
  const tracedAt = traced.length > 0 ? newest(traced, "mtimeMs") : null;
  return {
    tracedAt,
    // Backups read every file, so that the last read counts only where no log is kept.
    usedAt: Math.max(installedAt, tracedAt ?? newest(programs, "atimeMs")),
    placedAt: newest(installed, "ctimeMs"),
    installedAt,
  };
}

/** Adds the disk space that du(1) counts: what is shared by hard links counts once, for the version listed first. */
function measured(versions: readonly Version[], errors: string[]): Version[] {
  if (versions.length === 0) return [];
  const paths = versions.flatMap(({ installs }) => installs);
  const args = ["--summarize", "--one-file-system", "--block-size=1K", "--null", "--", ...paths];
  let output: string;
  try {
    output = runTool("/usr/bin/du", args, DEADLINE_MS);
  } catch (error) {
    errors.push((error as ToolError).message);
    output = (error as ToolError).output;
  }
  const sizes = new Map(
    [...output.matchAll(/(\d+)\t([^\0]+)\0/g)].map(([, kib, path]) => [path, Number(kib)]),
  );
  return versions.map((one) => {
    const kib = one.installs.reduce((all, path) => all + (sizes.get(path) ?? Number.NaN), 0);
    return { ...one, kib: Number.isNaN(kib) ? null : kib };
  });
}

/**
 * Answers which process runs a version. Processes whose executable the caller may read, their own, count when they name
 * the version at all; others when they name its path, for other users run the same commit.
 */
export function runningVersions(): PidOf {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const processes = pids.map((pid) => {
    const [exe, cwd] = ["exe", "cwd"].map((name) => orNull(() => readlinkSync(`/proc/${pid}/${name}`)));
    const argv = orNull(() => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    return { pid: Number(pid), own: exe !== null, text: [exe, cwd, argv].join("\0") };
  });
  return (folder, version) =>
    processes.find(({ own, text }) => text.includes(version) && (own || text.includes(`${folder}/`)))?.pid ??
    null;
}
