/** Declares and loads the native addon. Plain data crosses, and one opaque handle; no descriptor, callback or BigInt does. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Connections } from "../../core/observation/connections.ts";
import type { Observation } from "../../core/observation/observation.ts";
import type { ProcId } from "../../core/observation/process.ts";
import type { ChainProcess } from "../../core/verdict/skipped-users.ts";
import { EXIT, Failure } from "../failure.ts";

/** A range of subordinate uids (subuid(5)): their processes count against the owner's budgets. */
export interface UidRange {
  readonly first: number;
  readonly count: number;
  readonly owner: number;
}

export interface SnapshotOptions {
  /** Where proc is mounted; a built folder in tests. */
  readonly procRoot: string;
  /** As whom to look: 0 expects to read every process; absent: as this program's user. */
  readonly observerUid?: number;
  readonly owners?: readonly UidRange[];
  /** Look for suspects among these effective uids only; null: among all. */
  readonly uids: readonly number[] | null;
  /** Every process of `uids` is a suspect, and what lives below one is read whosever it is. */
  readonly full: boolean;
  /** Stop where some user has a suspect: what it takes to go on is `rest` (default false). */
  readonly staged?: boolean;
  /** Substrings of the exe path that make a process a suspect. */
  readonly exeMarkers: readonly string[];
  /** Beginnings of exe basenames whose command line is read to find suspects. */
  readonly interpreters: readonly string[];
  /** Substrings of an interpreter's command line that make it a suspect. */
  readonly argvMarkers: readonly string[];
  /** Exe basenames of the ssh server; their processes are always returned. */
  readonly sshdNames: readonly string[];
  /**
   * Variables to look for in the environments of suspects and of what lives above them, which may lead a tree; empty: none
   * is read. Values stay in a helper process.
   */
  readonly jobVariables: readonly string[];
  /** Deadline for one command line or environment, and for all of each, in milliseconds. */
  readonly timeoutMs: number;
  readonly budgetMs: number;
}

/**
 * What the addon reads for an observation. `processes`, in no particular order: every suspect, and what its user, other users
 * with a suspect, and root run below it (with `full`: whatever runs there); every sshd; every process that hides its
 * executable from root; every ancestor of these.
 */
export interface RawSnapshot
  extends Pick<
    Observation,
    "bootId" | "ticksPerSecond" | "uptime" | "takenAt" | "processes" | "counts" | "faults"
  > {
  /**
   * Uids of processes that were left out, because their owner exceeds a budget (8,192 processes, by effective uid; 8 MiB of
   * command lines, by real uid): nothing that their trees lack means anything.
   */
  readonly overBudget: readonly number[];
  /**
   * Of a first stage, whose `processes` are the ssh servers and what is above them alone: each suspect and all above it.
   */
  readonly chain?: readonly ChainProcess[];
  readonly rest?: SnapshotRest;
}

/** What the addon keeps between the two stages of a snapshot. */
export interface SnapshotRest {
  readonly rest: never;
}

/** `foreign`: alive, but one of its four uids, or its login uid, is not the expected one. */
export type SignalOutcome = "sent" | "gone" | "recycled" | "foreign" | "denied";

export interface Native {
  snapshot(options: SnapshotOptions): Promise<RawSnapshot>;
  /** Completes a staged snapshot, once, without the suspects of these users. */
  finishSnapshot(rest: SnapshotRest, skipped: readonly number[]): Promise<RawSnapshot>;
  /**
   * Finds what is connected to these processes. Lists the sockets twice, for no list is atomic; a user with more
   * than 65,536 descriptors is unreadable as a whole.
   */
  connections(pids: readonly number[], procRoot: string, owners?: readonly UidRange[]): Promise<Connections>;
  /**
   * Pins the process, verifies its start time, all four uids and the login uid (where it is given, and the process has
   * one), and sends the signal. `weak`: this kernel has no pidfd.
   */
  signal(
    id: ProcId,
    uid: number,
    signo: number,
    loginUid?: number | null,
  ): { readonly outcome: SignalOutcome; readonly weak: boolean };
  /** Resolves early when all are gone; else, after `timeoutMs`, with the survivors. */
  waitGone(ids: readonly ProcId[], timeoutMs: number): Promise<ProcId[]>;
  /** Lets one more user read the file, by a POSIX ACL. @throws with code ENOTSUP where the file system has none */
  grantRead(path: string, uid: number): void;
  /**
   * From now on this thread has that user's rights to files and no more; 0 goes back. `groups` begins with the one that new
   * files get. @throws
   */
  actOnFilesAs(uid: number, groups: readonly number[]): void;
  /** Takes a lock that this process holds until it ends. `busy`: another process holds it. */
  lock(path: string): "acquired" | "busy";
}

let loaded: Native | undefined;

/**
 * Loads the addon once: beside the program (an installation), else from the build folder of a checkout.
 * No environment variable and no working directory takes part, for this runs as root.
 * @throws Failure that says where it was looked for and how to build it
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
      // Only an absent file is a reason to try the next place; a broken addon must be seen.
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND")
        throw new Failure(
          EXIT.internal,
          `cannot load the native addon ${place}: ${(error as Error).message}; install the package for this machine, or build it with: npm run build:native`,
        );
    }
  }
  throw new Failure(
    EXIT.internal,
    `no native addon at ${places.join(", ")}; build it with: npm run build:native`,
  );
}
