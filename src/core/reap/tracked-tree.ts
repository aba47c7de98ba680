/** Follows the processes of a tree while it is being ended: its members, what they fork, and what leaves it. */

import { isAdopter, keyOf, type Proc } from "../observation/process.ts";
import { setFreeBy } from "../tree/boundary.ts";
import type { HostView } from "../tree/host-view.ts";
import { isDead, type ProcTable, parentOf } from "../tree/process-table.ts";
import { descend, type Tree } from "../tree/tree.ts";

/** A tree being ended. `refreshTrackedTree` changes it in place. */
export interface TrackedTree {
  readonly tree: Tree;
  /** Every process of the tree that any look found, by pid and start time. */
  readonly known: Map<string, Proc>;
  /** Those of `known` that the last look found alive. */
  alive: readonly Proc[];
  /** Those of `known` that have or had a terminal: the kernel takes it from them when its leader dies. */
  readonly inTerminal: Set<string>;
  readonly before: Before;
}

/** What the look right before the first signal showed of a user's processes; that user's trees share it. */
interface Before {
  /** Milliseconds since boot. */
  readonly uptime: number;
  /** Their process groups, sessions (setsid) and audit sessions. */
  readonly groups: Holders;
  readonly sessions: Holders;
  readonly auditSessions: Holders;
}

/** By number, the tree whose processes alone have it; null: other processes have it, too. */
type Holders = ReadonlyMap<number | null, Tree | null>;

/**
 * Makes the function that starts to track each of these trees. `before` is the look right before the first signal, with every
 * process of their users. Guard: what it showed is gathered once per user; once per tree, 3,000 trees took 475 MiB.
 */
export function makeTracker(trees: readonly Tree[], before: HostView): (tree: Tree) => TrackedTree {
  const treeOf = new Map(trees.flatMap((tree) => tree.members.map((member) => [keyOf(member), tree])));
  const users = new Map<number, Before>();
  return (tree) => {
    const shared = users.get(tree.uid) ?? beforeOf(tree.uid, treeOf, before);
    users.set(tree.uid, shared);
    return {
      tree,
      known: new Map(tree.members.map((member) => [keyOf(member), member])),
      alive: tree.members,
      inTerminal: new Set(tree.members.filter(({ tty }) => tty !== 0).map(keyOf)),
      before: shared,
    };
  };
}

function beforeOf(uid: number, treeOf: ReadonlyMap<string, Tree>, { observation }: HostView): Before {
  const own = observation.processes.filter((one) => one.uid === uid);
  const holders = (numberOf: (process: Proc) => number | null): Holders => {
    const found = new Map<number | null, Tree | null>();
    for (const process of own) {
      const [number, tree] = [numberOf(process), treeOf.get(keyOf(process)) ?? null];
      found.set(number, found.has(number) && found.get(number) !== tree ? null : tree);
    }
    return found;
  };
  return {
    uptime: observation.uptime,
    groups: holders(({ pgid }) => pgid),
    sessions: holders(({ sid }) => sid),
    auditSessions: holders(({ auditSession }) => auditSession),
  };
}

/** Updates it from a new look: known processes that live, their new descendants, and what left the tree since `before`. */
export function refreshTrackedTree(tracked: TrackedTree, now: HostView): void {
  const alive = new Map<string, Proc>();
  const add = (process: Proc): void => {
    // The boundaries of the first look hold: other users, jobs and multiplexers are never reached into.
    const inTerminal = tracked.inTerminal.has(keyOf(process));
    for (const member of descend(now.table, process, now.catalogue, inTerminal).members)
      alive.set(keyOf(member), member);
  };
  for (const known of tracked.known.values()) {
    const current = now.table.byPid.get(known.pid);
    if (!current || keyOf(current) !== keyOf(known)) continue;
    // Guard: what is below an ancestor was added already, or a chain of nested processes would cost its square.
    if (alive.has(keyOf(current))) continue;
    if (!isDead(current) && current.uid === tracked.tree.uid) add(current);
  }
  for (const escaped of escapedChildren(tracked, now)) add(escaped);
  for (const [key, process] of alive) {
    tracked.known.set(key, process);
    if (process.tty !== 0) tracked.inTerminal.add(key);
  }
  tracked.alive = [...alive.values()];
}

/**
 * Finds processes that the tree forked during the kill and that pid 1 adopted. A process counts only with proof: it
 * started after the first signal, it was adopted, and it is in a process group or session that a member leads (the
 * kernel does not give out a pid that is in use as such) or in an audit session. That group or session must have been
 * the tree's alone before the first signal: a job that had left the tree starts its next step in the same one. What a
 * program of a terminal set free is its user's.
 */
function escapedChildren({ tree, known, inTerminal, before }: TrackedTree, now: HostView): Proc[] {
  const members = new Map([...known.values()].map((process) => [process.pid, process]));
  // Guard: a leader that died with its whole group gives its number back, and a stranger may have it now.
  const isLedByMember = (leader: number): boolean => {
    const member = members.get(leader);
    const current = now.table.byPid.get(leader);
    return member !== undefined && (current === undefined || keyOf(current) === keyOf(member));
  };
  const live = new Set([...now.sshd.genuine.values()].map(({ auditSession }) => auditSession));
  const own = new Set([...members.values()].map(({ auditSession }) => auditSession));
  const hadOthers = (holders: Holders, id: number): boolean => holders.has(id) && holders.get(id) !== tree;
  const isOwnAuditSession = (id: number | null): boolean =>
    id !== null && !live.has(id) && !hadOthers(before.auditSessions, id) && own.has(id);
  const isInTerminal = (member: Proc | undefined): boolean =>
    member !== undefined && inTerminal.has(keyOf(member));
  const executables = new Set([...members.values()].map((one) => (isInTerminal(one) ? null : one.exe)));
  const firstTick = Math.floor((before.uptime * now.observation.ticksPerSecond) / 1000);
  return now.observation.processes.filter((process) => {
    if (process.uid !== tree.uid || process.startTime < firstTick || isDead(process)) return false;
    if (known.has(keyOf(process)) || !isAdopted(now.table, process)) return false;
    const { pgid, sid, exe, auditSession } = process;
    const isFree = setFreeBy(process, null) !== null;
    if (isFree && [pgid, sid].some((leader) => isInTerminal(members.get(leader)))) return false;
    if (isLedByMember(pgid) && !hadOthers(before.groups, pgid)) return true;
    if (isLedByMember(sid) && !hadOthers(before.sessions, sid)) return true;
    return exe !== null && executables.has(exe) && isOwnAuditSession(auditSession);
  });
}

/** Whether its parent is pid 1 or the user's service manager, which adopt, and not a process that started it. */
function isAdopted(table: ProcTable, process: Proc): boolean {
  const parent = parentOf(table, process);
  return process.ppid === 1 || (parent !== null && isAdopter(parent));
}
