/** Coding agents' daemons and kernels: they may be meant to work without a client. */

import type { CpuReading, Observation } from "../observation/observation.ts";
import { keyOf, nameOf, type Proc } from "../observation/process.ts";
import { formatDuration } from "../text/duration.ts";
import type { Tree } from "../tree/tree.ts";

/** What a daemon did since the last sweep. */
export interface Work {
  /** `unknown`: no time has passed, or the CPU time of some process is not known. */
  readonly busy: "yes" | "no" | "unknown";
  readonly detail: string;
}

/** A core's share above which a daemon is at work: an idle one wakes for its timers alone. */
const BUSY_SHARE = 0.01;

/** Reads the CPU time of living members for the tree's state; undefined: that of some member is not known. */
export function readCpu(members: readonly Proc[], at: number): CpuReading | undefined {
  const rows = members.map(({ pid, startTime, cpuTicks }) =>
    cpuTicks === undefined ? null : ([pid, startTime, cpuTicks] as const),
  );
  return rows.every((row) => row !== null) ? { at, rows } : undefined;
}

/**
 * Tells whether a tree worked since the last sweep, or an agent runs a command now: a kernel's children may wait. A
 * process that is new counts with all that it has used: an agent's command may live for a minute. Guard: the answer only
 * ever spares, so a user who burns CPU time to look busy shields no tree but their own.
 */
export function workSince(
  { kind, members, recognised }: Pick<Tree, "kind" | "members" | "recognised">,
  before: CpuReading | undefined,
  { uptime, ticksPerSecond }: Pick<Observation, "uptime" | "ticksPerSecond">,
): Work {
  const command = kind === "agent" && members.find(({ pid }) => !recognised.has(pid));
  if (command) return { busy: "yes", detail: `it runs ${nameOf(command)}` };
  const elapsed = Math.max(0, uptime - (before?.at ?? uptime));
  const ticksBefore = new Map(
    before?.rows.map(([pid, startTime, ticks]) => [keyOf({ pid, startTime }), ticks]),
  );
  let ticks = 0;
  // A counter that ran back must not hide another process's work.
  for (const member of members)
    ticks += Math.max(0, (member.cpuTicks ?? 0) - (ticksBefore.get(keyOf(member)) ?? 0));
  const used = (ticks * 1000) / ticksPerSecond;
  const detail = `it used ${formatDuration(used)} of CPU time in the last ${formatDuration(elapsed)}`;
  if (elapsed === 0) return { busy: "unknown", detail };
  if (used > BUSY_SHARE * elapsed) return { busy: "yes", detail };
  return { busy: members.every(({ cpuTicks }) => cpuTicks !== undefined) ? "no" : "unknown", detail };
}
