/** Coding agents' daemons: they may be meant to work without a client. */

import type { Mark, Observation } from "../observation/observation.ts";
import { keyOf, type Proc } from "../observation/process.ts";
import type { Tree } from "../tree/tree.ts";

/** What a daemon did since a mark. */
export interface Work {
  /** `unknown`: no time has passed, or the CPU time of some process is not known. */
  readonly busy: "yes" | "no" | "unknown";
  /** Milliseconds of CPU time that are known, and since the mark. */
  readonly used: number;
  readonly elapsed: number;
}

/** A core's share above which a daemon is at work: an idle one wakes for its timers alone. */
const BUSY_SHARE = 0.01;

/** Tells whether a tree is a coding agent's daemon. */
export function isAgentTree({ root, recognised }: Pick<Tree, "root" | "recognised">): boolean {
  return recognised.get(root.pid)?.role === "agent";
}

/** Lists the CPU time of each member for the tree's mark, in clock ticks; undefined: that of some member is not known. */
export function usedBy(members: readonly Proc[]): Mark["used"] {
  const rows = members.map(({ pid, startTime, cpuTicks }) =>
    cpuTicks === undefined ? null : ([pid, startTime, cpuTicks] as const),
  );
  return rows.every((row) => row !== null) ? rows : undefined;
}

/**
 * Drops the CPU times of former members from a mark: the processes of one look bound all rows. Guard: without this, a
 * user who starts and ends thousands of processes between sweeps fills the file of marks, which all users share.
 */
export function withoutFormer(mark: Mark, members: readonly Proc[]): Mark {
  if (mark.used === undefined) return mark;
  const living = new Set(members.map(keyOf));
  return { ...mark, used: mark.used.filter(([pid, startTime]) => living.has(keyOf({ pid, startTime }))) };
}

/**
 * Tells how much a tree worked since a mark. A process that is new counts with all that it has used: an agent's command
 * may live for a minute. Guard: the answer only ever spares, so a user who burns CPU time to look busy shields no tree
 * but their own.
 */
export function workSince(
  { members }: Pick<Tree, "members">,
  { used: before, seenUptime }: Mark,
  { uptime, ticksPerSecond }: Pick<Observation, "uptime" | "ticksPerSecond">,
): Work {
  const elapsed = Math.max(0, uptime - seenUptime);
  const ticksBefore = new Map(before?.map(([pid, startTime, ticks]) => [keyOf({ pid, startTime }), ticks]));
  let ticks = 0;
  // A counter that ran back must not hide another process's work.
  for (const member of members)
    ticks += Math.max(0, (member.cpuTicks ?? 0) - (ticksBefore.get(keyOf(member)) ?? 0));
  const used = (ticks * 1000) / ticksPerSecond;
  if (before === undefined || elapsed === 0) return { busy: "unknown", used, elapsed };
  if (used > BUSY_SHARE * elapsed) return { busy: "yes", used, elapsed };
  const isKnown = members.every(({ cpuTicks }) => cpuTicks !== undefined);
  return { busy: isKnown ? "no" : "unknown", used, elapsed };
}
