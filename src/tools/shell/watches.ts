/** Counts the file watches of a tree (proc_pid_fdinfo(5)): nothing else shows who uses up fs.inotify.max_user_watches. */

import { closeSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import type { ProcId } from "../../core/observation/process.ts";

/** Guard: a user may open a million descriptors and watch as many files; the rest is not counted then. */
const BUDGET_MS = 500;
const MAX_DESCRIPTORS = 4096;
const PIECE = 65_536;
const WATCH = "inotify wd:";

/** Null: one process could not be read, or not in time; a part would pass for the whole. */
export function countWatches(
  processes: readonly ProcId[],
  procRoot = "/proc",
  now = () => performance.now(),
): number | null {
  const end = now() + BUDGET_MS;
  const inTime = <T>(value: T): T => {
    if (now() >= end) throw new Error("too many");
    return value;
  };
  const inFile = (file: string): number => {
    const descriptor = openSync(file, "r");
    try {
      const bytes = Buffer.alloc(PIECE);
      let [watches, rest] = [0, ""];
      for (;;) {
        const size = inTime(readSync(descriptor, bytes, 0, PIECE, null));
        if (size === 0) return watches;
        // A word that two pieces share is counted with the second.
        const text = rest + bytes.toString("latin1", 0, size);
        watches += text.split(WATCH).length - 1;
        rest = text.slice(1 - WATCH.length);
      }
    } finally {
      closeSync(descriptor);
    }
  };
  const ofProcess = ({ pid }: ProcId): number => {
    const names = readdirSync(`${procRoot}/${pid}/fd`);
    if (names.length > MAX_DESCRIPTORS) throw new Error("too many");
    return names
      .filter((name) => inTime(readlinkSync(`${procRoot}/${pid}/fd/${name}`)) === "anon_inode:inotify")
      .reduce((sum, name) => sum + inFile(`${procRoot}/${pid}/fdinfo/${name}`), 0);
  };
  try {
    return processes.reduce((sum, process) => sum + ofProcess(process), 0);
  } catch {
    return null;
  }
}
