/** Which processes a tree being ended consists of, look after look: its members, what they forked, what slipped away. */

import { findSshd } from "../evidence/sshd.ts";
import type { Observation } from "../observation/observation.ts";
import { exeName, keyOf, type Proc } from "../observation/process.ts";
import type { Policy } from "../policy/policy.ts";
import { type Catalogue, makeCatalogue } from "../recognition/catalogue.ts";
import { ancestorsOf, isDead, makeTable, type ProcTable } from "../tree/process-table.ts";
import { growTreeFrom, type Tree } from "../tree/tree.ts";

/** Everything of one tree that was ever found, by pid and start time. */
export interface TrackedTree {
  readonly tree: Tree;
  readonly known: ReadonlyMap<string, Proc>;
}

export function trackedTreeOf(tree: Tree): TrackedTree {
  return { tree, known: new Map(tree.members.map((member) => [keyOf(member), member])) };
}

/** A new look at the host, prepared once for all trees that are looked for in it. */
export interface Rescan {
  readonly observation: Observation;
  readonly table: ProcTable;
  readonly catalogue: Catalogue;
  /** Audit sessions that a live ssh server holds. */
  readonly liveSessions: ReadonlySet<number | null>;
}

export function rescanOf(observation: Observation, policy: Policy): Rescan {
  const catalogue = makeCatalogue(policy.catalogue);
  const sshd = [...findSshd(observation.processes, catalogue).genuine.values()];
  return {
    observation,
    table: makeTable(observation.processes),
    catalogue,
    liveSessions: new Set(sshd.map((process) => process.auditSession)),
  };
}

/**
 * Looks for a quarry in a new look at the host: `alive` holds the known processes that live, their new descendants, and
 * processes that left the tree while it was being ended (`since`, milliseconds since boot, is the first signal).
 */
export function track(
  quarry: TrackedTree,
  scene: Rescan,
  since: number,
): { quarry: TrackedTree; alive: readonly Proc[] } {
  const { table, catalogue } = scene;
  const alive = new Map<string, Proc>();
  const take = (process: Proc): void => {
    // The same boundaries as for the first look: other users, jobs and multiplexers are never reached into.
    for (const member of growTreeFrom(table, process, catalogue)) alive.set(keyOf(member), member);
  };
  for (const known of quarry.known.values()) {
    const now = table.byPid.get(known.pid);
    if (now && keyOf(now) === keyOf(known) && !isDead(now) && now.uid === quarry.tree.uid) take(now);
  }
  for (const runaway of escapedChildren(quarry, scene, since)) take(runaway);
  return { quarry: { ...quarry, known: new Map([...quarry.known, ...alive]) }, alive: [...alive.values()] };
}

/**
 * Processes that were forked off during the kill and adopted by pid 1. Taken only with positive proof that they are
 * the tree's: started after the first signal, adopted, and in a process group or session that a member of the tree
 * leads (a pid in use as such is not given out again), or in an audit session that was the tree's alone.
 */
function escapedChildren(
  quarry: TrackedTree,
  { observation, table, liveSessions }: Rescan,
  since: number,
): Proc[] {
  const known = [...quarry.known.values()];
  const members = new Map(known.map((process) => [process.pid, process]));
  // Guard: a leader that died with its whole group gives its number back; whoever has it now is a stranger.
  const isLedByMember = (leader: number): boolean => {
    const member = members.get(leader);
    const now = table.byPid.get(leader);
    return member !== undefined && (now === undefined || keyOf(now) === keyOf(member));
  };
  const live = new Set(liveSessions);
  const firstTick = Math.floor((since * observation.ticksPerSecond) / 1000);
  // A session that holds anything else of the user's, another server perhaps, tells nothing about who forked.
  for (const process of observation.processes)
    if (process.uid === quarry.tree.uid && process.startTime < firstTick && !quarry.known.has(keyOf(process)))
      live.add(process.auditSession);
  const sessions = new Set(known.map((p) => p.auditSession).filter((id) => id !== null && !live.has(id)));
  return observation.processes.filter((process) => {
    if (process.uid !== quarry.tree.uid || process.startTime < firstTick || isDead(process)) return false;
    if (quarry.known.has(keyOf(process)) || !isAdopted(table, process)) return false;
    if (isLedByMember(process.pgid) || isLedByMember(process.sid)) return true;
    const looksTheSame = known.some((member) => member.exe !== null && member.exe === process.exe);
    return looksTheSame && sessions.has(process.auditSession);
  });
}

/** Its parent is pid 1 or the user's service manager, who adopt; not another process of the user's, who started it. */
function isAdopted(table: ProcTable, process: Proc): boolean {
  const { ancestors } = ancestorsOf(table, process);
  const parent = ancestors[0];
  return process.ppid === 1 || (parent !== undefined && exeName(parent.exe) === "systemd");
}
