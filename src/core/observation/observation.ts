/**
 * The words of the project as data. Everything here is plain JSON: it crosses the native boundary, is written by
 * `snapshot` and read back by `replay`. Nothing in this file computes.
 */

import type { Connections } from "./connections.ts";
import type { Fault } from "./fault.ts";
import type { Proc, ProcId, SnapshotCounts } from "./process.ts";

/** A claim by the past: when a session closed, this process was still there. Written by session-close. */
export interface Tag {
  readonly schemaVersion: 1;
  readonly bootId: string;
  readonly uid: number;
  readonly root: ProcId;
  readonly auditSession: number | null;
  readonly logindSession: string | null;
  /** Milliseconds since the epoch: for people. */
  readonly closedAt: number;
  /** Milliseconds since boot (CLOCK_BOOTTIME): for arithmetic, unmoved by a clock step. */
  readonly closedUptime: number;
  readonly product: string;
  readonly remoteHost: string | null;
}

/** When a sweep first saw an orphan that needs a second look. */
export interface Mark extends ProcId {
  /** Milliseconds since boot. */
  readonly seenUptime: number;
  /** Of a coding agent's daemon: pid, start time and CPU time in clock ticks of each member at that look. */
  readonly used?: readonly (readonly [pid: number, startTime: number, cpuTicks: number])[] | undefined;
}

/** A user's own request that their trees be left alone. */
export interface Keep {
  readonly uid: number;
  /** Milliseconds since the epoch, capped by the site's policy; null: there is a request that could not be read. */
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
  readonly marks: readonly Mark[];
  readonly keeps: readonly Keep[];
  /** Users all of whose processes were asked for their sockets. Absent in snapshots of the version before. */
  readonly relaysOf?: readonly number[] | undefined;
  /** The cgroups of this program. Absent in snapshots of the version before. */
  readonly ownCgroups?: readonly string[] | undefined;
  /** Users whose trees stay whatever else is true of them, so that nothing more was read of them. Absent: all was read. */
  readonly settled?: readonly number[] | undefined;
  readonly faults: readonly Fault[];
}

/** Milliseconds that a process has lived. */
export function ageOf(process: ProcId, observation: Pick<Observation, "uptime" | "ticksPerSecond">): number {
  return Math.max(0, observation.uptime - (process.startTime * 1000) / observation.ticksPerSecond);
}
