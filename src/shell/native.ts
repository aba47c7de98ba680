/** The typed face of the native addon. Plain data crosses; no descriptor, pointer, callback or BigInt does. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Connections, Fault, Proc, ProcId, SnapshotCounts, Tag } from "../core/types.ts";

export interface SnapshotOptions {
  /** Where proc is mounted; a built folder in tests. */
  readonly procRoot: string;
  /** Look for suspects among these effective uids only; null: among all. */
  readonly uids: readonly number[] | null;
  /** Read every process of `uids` in full, suspect or not. */
  readonly full: boolean;
  /** Substrings of the exe path that make a process a suspect. */
  readonly exeMarkers: readonly string[];
  /** Exe basenames (a trailing version such as 3.11 is ignored) whose command line is read to find suspects. */
  readonly interpreters: readonly string[];
  /** Substrings of an interpreter's command line that make it a suspect. */
  readonly argvMarkers: readonly string[];
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
   * All processes of every user who has a suspect; every sshd; every ancestor of these; and root's processes
   * below them. In no particular order.
   */
  readonly processes: readonly Proc[];
  readonly counts: SnapshotCounts;
  readonly faults: readonly Fault[];
}

/** `foreign`: alive, but one of its four uids is not the expected one. */
export type SignalOutcome = "sent" | "gone" | "recycled" | "foreign" | "denied";

export interface Native {
  snapshot(options: SnapshotOptions): Promise<RawSnapshot>;
  connections(pids: readonly number[], procRoot: string): Promise<Connections>;
  /** Pin, verify start time and all four uids, send, in one call. `weak`: this kernel has no pidfd. */
  signal(id: ProcId, uid: number, signo: number): { readonly outcome: SignalOutcome; readonly weak: boolean };
  /** Resolves early when all are gone; else, after `timeoutMs`, with the survivors. */
  waitGone(ids: readonly ProcId[], timeoutMs: number): Promise<ProcId[]>;
  readTags(directory: string): { readonly tags: Tag[]; readonly faults: Fault[] };
  /** False when there was none. */
  removeTag(directory: string, id: ProcId): boolean;
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
        throw new NativeLoadError(`cannot load the native addon ${place}: ${(error as Error).message}`);
    }
  }
  throw new NativeLoadError(`no native addon at ${places.join(", ")}; build it with: npm run build:native`);
}
