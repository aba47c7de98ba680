/** The typed face of the native addon. Plain data crosses; no descriptor, pointer, callback or BigInt does. */

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Connections } from "../../core/observation/connections.ts";
import type { Fault } from "../../core/observation/fault.ts";
import type { Tag } from "../../core/observation/observation.ts";
import type { Proc, ProcId, SnapshotCounts } from "../../core/observation/process.ts";

export interface SnapshotOptions {
  /** Where proc is mounted; a built folder in tests. */
  readonly procRoot: string;
  /** Look for suspects among these effective uids only; null: among all. */
  readonly uids: readonly number[] | null;
  /** Read every process of `uids` in full, suspect or not. */
  readonly full: boolean;
  /** Substrings of the exe path that make a process a suspect. */
  readonly exeMarkers: readonly string[];
  /**
   * Exe basenames (a trailing version such as 3.11 is ignored; `*` at the end stands for all that begin so) whose
   * command line is read to find suspects.
   */
  readonly interpreters: readonly string[];
  /** Substrings of an interpreter's command line that make it a suspect. */
  readonly argvMarkers: readonly string[];
  /** The same among the processes of a user who has a suspect; they hold all `interpreters`. */
  readonly kinInterpreters: readonly string[];
  /** Substrings of such a command line that make it a suspect, too. They hold all `argvMarkers`. */
  readonly kinMarkers: readonly string[];
  /** Exe basenames of the ssh server; their processes are always returned. */
  readonly sshdNames: readonly string[];
  /** Deadline for one command line, and for all of them, in milliseconds. */
  readonly argvTimeoutMs: number;
  readonly argvBudgetMs: number;
}

export interface RawSnapshot {
  readonly bootId: string;
  readonly ticksPerSecond: number;
  /** Milliseconds since boot (CLOCK_BOOTTIME) and since the epoch, when the listing began. */
  readonly uptime: number;
  readonly takenAt: number;
  /**
   * Every suspect, and what its user, other users with a suspect, and root run below it; every sshd; every process
   * that hides its executable from root; every ancestor of these. With `full` all processes of `uids` instead of the
   * suspects'. In no particular order.
   */
  readonly processes: readonly Proc[];
  readonly counts: SnapshotCounts;
  readonly faults: readonly Fault[];
}

/** Of whose memory something is asked. */
export interface MemoryOptions {
  readonly procRoot: string;
  /** `uid`: on whose account of time a process that does not answer is booked (default: its owner's). */
  readonly processes: readonly (ProcId & { readonly uid?: number })[];
  /** Deadline for one process, and for all of them, in milliseconds. */
  readonly timeoutMs: number;
  readonly budgetMs: number;
}

/** Null: refused, no answer in time (both are faults as well), gone, or the pid is another process's by now. */
export interface MemoryAnswer<T> {
  readonly results: readonly (ProcId & T)[];
  readonly faults: readonly Fault[];
}

/** `foreign`: alive, but one of its four uids, or its login uid, is not the expected one. */
export type SignalOutcome = "sent" | "gone" | "recycled" | "foreign" | "denied";

export interface Native {
  snapshot(options: SnapshotOptions): Promise<RawSnapshot>;
  connections(pids: readonly number[], procRoot: string): Promise<Connections>;
  /** Which of `names` each process's environment had at its exec. Values stay in a helper process. */
  environNames(
    options: MemoryOptions & { readonly names: readonly string[] },
  ): Promise<MemoryAnswer<{ readonly names: readonly string[] | null }>>;
  /** Each process's proportional share of the memory in use. */
  pss(options: MemoryOptions): Promise<MemoryAnswer<{ readonly pssKiB: number | null }>>;
  /**
   * Pin, verify start time, all four uids and the login uid (where it is given, and the process has one), send, in one
   * call. `weak`: this kernel has no pidfd.
   */
  signal(
    id: ProcId,
    uid: number,
    signo: number,
    loginUid?: number | null,
  ): { readonly outcome: SignalOutcome; readonly weak: boolean };
  /** Resolves early when all are gone; else, after `timeoutMs`, with the survivors. */
  waitGone(ids: readonly ProcId[], timeoutMs: number): Promise<ProcId[]>;
  readTags(directory: string): { readonly tags: Tag[]; readonly faults: Fault[] };
  /** Removes the tags of processes that have ended, without reading them; the number of those that stay. */
  pruneTags(directory: string, procRoot: string): number;
  /** False when there was none. */
  removeTag(directory: string, id: ProcId): boolean;
  /** This user alone may read the file besides its owner, by a POSIX ACL. @throws with code ENOTSUP where there are none */
  grantRead(path: string, uid: number): void;
  /** Held until this process ends. `busy`: another process holds it. */
  lock(path: string): "acquired" | "busy";
}

/** The addon could not be loaded; the message says where it was looked for and how to build it. */
export class NativeLoadError extends Error {}

let loaded: Native | undefined;

/**
 * Loads the addon once: beside the program (an installation), else from the build folder of a checkout.
 * No environment variable and no working directory takes part, for this runs as root.
 */
export function loadNative(): Native {
  if (loaded) return loaded;
  const here = dirname(typeof __filename === "string" ? __filename : fileURLToPath(import.meta.url));
  const places = [join(here, "reaper_native.node")];
  for (const up of ["..", "../..", "../../.."])
    places.push(join(here, up, "build", "Release", "reaper_native.node"));
  const load = createRequire(join(here, "x.js"));
  for (const place of places) {
    try {
      loaded = load(place) as Native;
      return loaded;
    } catch (error) {
      // Only "not there" is a reason to try the next place; a broken addon must be seen.
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND")
        throw new NativeLoadError(
          `cannot load the native addon ${place}: ${(error as Error).message}; install the package for this machine, or build it with: npm run build:native`,
        );
    }
  }
  throw new NativeLoadError(`no native addon at ${places.join(", ")}; build it with: npm run build:native`);
}
