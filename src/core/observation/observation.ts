/**
 * The words of the project as data. Everything here is plain JSON: it crosses the native boundary, is written by
 * `snapshot` and read back by `replay`. Nothing in this file computes.
 */

import type { Connections } from "./connections.ts";
import type { Fault } from "./fault.ts";
import type { Proc, ProcId, SnapshotCounts } from "./process.ts";

/** When a user's last ssh session on this host closed: session-close writes it, one per user. */
export interface Tag {
  readonly uid: number;
  readonly auditSession: number | null;
  readonly logindSession: string | null;
  /** Milliseconds since the epoch: for people. */
  readonly closedAt: number;
  /** Milliseconds since boot (CLOCK_BOOTTIME): for arithmetic, unmoved by a clock step. */
  readonly closedUptime: number;
  readonly remoteHost: string | null;
}

/** What earlier sweeps of this boot found out about a tree, by its root. Times are milliseconds since boot. */
export interface TreeState extends ProcId {
  readonly uid: number;
  /** The last sweep that saw it in use; null: none did. */
  readonly usedAt: number | null;
  /** Its mark: the first sweep that found it an orphan since; null: it was none. */
  readonly orphanAt: number | null;
  /** Of an agent or kernel at the last sweep: when that was, and each member's pid, start time and CPU time in ticks. */
  readonly cpu?: CpuReading | undefined;
}

export interface CpuReading {
  readonly at: number;
  readonly rows: readonly (readonly [pid: number, startTime: number, cpuTicks: number])[];
}

/** A user's own request that their trees be left alone: a process of theirs that does nothing but sleep. */
export interface Keep extends ProcId {
  readonly uid: number;
  /** Milliseconds since the epoch, by its command line; null: unreadable. The request holds for as long as it lives. */
  readonly until: number | null;
}

/** Everything one sweep knows, taken at one time. The judgement is a function of this and the policy. */
export interface Observation {
  readonly schemaVersion: 1;
  readonly host: string;
  /** `ps`: a saved listing without sockets, sessions or start times. */
  readonly source: "proc" | "ps";
  readonly bootId: string;
  /** Milliseconds since the epoch, and since boot. */
  readonly takenAt: number;
  readonly uptime: number;
  readonly ticksPerSecond: number;
  /** The user who looked: root sees everything, others only what is their own. */
  readonly observerUid: number;
  readonly processes: readonly Proc[];
  readonly counts: SnapshotCounts;
  /**
   * Uids of which something was left out, because their owner exceeds a budget of processes or command lines. Absent:
   * nobody does.
   */
  readonly overBudget?: readonly number[] | undefined;
  /** Null: not asked (a ps listing). */
  readonly connections: Connections | null;
  readonly tags: readonly Tag[];
  readonly states: readonly TreeState[];
  /** The last sweep of the whole host, in milliseconds since boot: an older tree without a state counts as used then. */
  readonly lastSweepAt: number | null;
  readonly keeps: readonly Keep[];
  /** The cgroups of this program. */
  readonly ownCgroups?: readonly string[] | undefined;
  /** Users who were skipped: all of their trees are young or below a session of theirs. Absent: none was. */
  readonly skipped?: readonly number[] | undefined;
  readonly faults: readonly Fault[];
}

/** When a process started, in milliseconds since boot. */
export function startedAt(process: ProcId, { ticksPerSecond }: Pick<Observation, "ticksPerSecond">): number {
  return (process.startTime * 1000) / ticksPerSecond;
}

/** Milliseconds that a process has lived. */
export function ageOf(process: ProcId, observation: Pick<Observation, "uptime" | "ticksPerSecond">): number {
  return Math.max(0, observation.uptime - startedAt(process, observation));
}
