/** Reads what one process costs. Nothing here waits for a file system: these files of /proc come from the kernel's memory. */

import { closeSync, opendirSync, openSync, readFileSync, readlinkSync, readSync } from "node:fs";
import type { ProcessCosts } from "../../core/costs/costs.ts";
import { countWatches, parseStat } from "../../core/costs/proc-text.ts";
import type { ProcId } from "../../core/observation/process.ts";

/** Guard: a user may open a million files, and each costs a call. */
const MAX_DESCRIPTORS = 4096;
const PIECE = 65_536;

/** `isLate` says when the time for watches is over: what is not counted then is null. */
export function readProcess(
  procRoot: string,
  { pid, startTime }: ProcId,
  ticksPerSecond: number,
  isLate: () => boolean,
): ProcessCosts {
  const folder = `${procRoot}/${pid}`;
  const inotifyWatches = attempt(() => watchesOf(folder, isLate));
  // Last: the start time says that all of it was this process.
  const stat = attempt(() => parseStat(readFileSync(`${folder}/stat`, "latin1")));
  if (stat === null || stat.startTime !== startTime) return { cpuMs: null, inotifyWatches: null };
  return { cpuMs: (stat.cpuTicks * 1000) / ticksPerSecond, inotifyWatches };
}

function watchesOf(folder: string, isLate: () => boolean): number | null {
  const descriptors = opendirSync(`${folder}/fd`);
  try {
    let watches = 0;
    let seen = 0;
    for (let entry = descriptors.readSync(); entry !== null; entry = descriptors.readSync()) {
      if (++seen > MAX_DESCRIPTORS || isLate()) return null;
      const link = attempt(() => readlinkSync(`${folder}/fd/${entry?.name}`));
      if (link !== "anon_inode:inotify") continue;
      const count = watchesIn(`${folder}/fdinfo/${entry.name}`, isLate);
      if (count === null) return null;
      watches += count;
    }
    return watches;
  } finally {
    descriptors.closeSync();
  }
}

function watchesIn(file: string, isLate: () => boolean): number | null {
  const fd = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(PIECE);
    let watches = 0;
    let rest = "";
    for (;;) {
      const got = readSync(fd, bytes, 0, bytes.length, null);
      if (got === 0) return watches;
      if (isLate()) return null;
      const counted = countWatches(rest, bytes.toString("latin1", 0, got));
      watches += counted.count;
      rest = counted.rest;
    }
  } finally {
    closeSync(fd);
  }
}

/** Null: the process is gone, or another user's to read. */
function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
