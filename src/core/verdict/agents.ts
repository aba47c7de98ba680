/** Coding agents' daemons: they work with nobody connected, and may be meant to. */

import { keyOf, type ProcId } from "../observation/process.ts";
import type { Tree } from "../tree/tree.ts";

/** What the processes of a tree had used when they were looked at. */
export interface CpuLook {
  /** Milliseconds since boot. */
  readonly uptime: number;
  /** Milliseconds of CPU time by identity, with those of children that were waited for; absent: could not be read. */
  readonly used: ReadonlyMap<string, number>;
}

/** `unknown`: nothing to compare with, or the CPU time of a process could not be read. */
export type Busy = "yes" | "no" | "unknown";

/** A core's share above which a daemon is at work: an idle one wakes for its timers alone. */
const BUSY_SHARE = 0.01;

/** Tells whether a tree is a coding agent's daemon. */
export function isAgentTree(tree: Pick<Tree, "root" | "recognised">): boolean {
  return tree.recognised.get(tree.root.pid)?.role === "agent";
}

/**
 * Tells whether a tree was at work between two looks. A process that is new since the first counts with all that it has
 * used: an agent's command may live for a minute. Guard: the answer only ever spares, so a user who burns CPU time to
 * look busy shields no tree but their own.
 */
export function busyBetween(members: readonly ProcId[], before: CpuLook | null, now: CpuLook): Busy {
  const elapsed = before === null ? 0 : now.uptime - before.uptime;
  if (before === null || elapsed <= 0) return "unknown";
  let used = 0;
  let isUnread = false;
  for (const member of members) {
    const total = now.used.get(keyOf(member));
    if (total === undefined) isUnread = true;
    // A counter never runs back; a look that was mixed up must not hide another process's work.
    else used += Math.max(0, total - (before.used.get(keyOf(member)) ?? 0));
  }
  if (used > BUSY_SHARE * elapsed) return "yes";
  return isUnread ? "unknown" : "no";
}
