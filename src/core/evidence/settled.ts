/** Which users' trees need no further look: what the first stage of an observation shows is enough to leave them alone. */

import { ageOf } from "../observation/observation.ts";
import type { Proc, ProcId } from "../observation/process.ts";
import { parentOf } from "../tree/process-table.ts";
import type { HostView } from "./host-view.ts";
import { UseGraph } from "./use-graph.ts";

/** A process that may belong to a server by its executable or command line (a suspect), or one above such a process. */
export interface ChainProcess extends ProcId {
  readonly ppid: number;
  readonly uid: number;
  readonly suspect: boolean;
}

/** What the first stage knows. */
export interface FirstStage {
  /** The ssh servers with what is above them. */
  readonly view: HostView;
  readonly chain: readonly ChainProcess[];
  /** Milliseconds: the shortest grace that the policy gives any tree. */
  readonly grace: number;
}

const FIELDS = 5;

/** Reads the chains as the addon gives them: pid, start time, parent, user and whether it is a suspect, five numbers each. */
export function chainOf(numbers: ArrayLike<number>): ChainProcess[] {
  const at = (i: number): number => numbers[i] ?? 0;
  return Array.from({ length: numbers.length / FIELDS }, (_, n) => ({
    pid: at(FIELDS * n),
    startTime: at(FIELDS * n + 1),
    ppid: at(FIELDS * n + 2),
    uid: at(FIELDS * n + 3),
    suspect: at(FIELDS * n + 4) === 1,
  }));
}

/** What is at and above a suspect. */
export interface Case {
  /** The nearest ssh server process; null: none. */
  readonly session: Proc | null;
  /** The topmost suspect below which all are the same user's; null: none is. */
  readonly top: ChainProcess | null;
  /** Whether all that its user runs there is younger than the grace. */
  readonly isYoung: boolean;
}

/** The cases of the suspects of each user who may be settled. */
export type Cases = ReadonlyMap<number, readonly Case[]>;

/** Lists the processes to ask for their sockets, for these may settle a user; none: no socket can. */
export function pidsThatMaySettle(cases: Cases, { sshd: { genuine } }: HostView): number[] {
  const users = new Set([...genuine.values()].map(({ uid }) => uid));
  const open = [...cases].filter(([uid, of]) => users.has(uid) && of.some(({ isYoung }) => !isYoung));
  if (open.length === 0) return [];
  const tops = open.flatMap(([, of]) =>
    of.filter(({ session }) => session === null).flatMap(({ top }) => top ?? []),
  );
  return [...new Set([...genuine.keys(), ...tops.map(({ pid }) => pid)])];
}

/**
 * Lists the users whose trees all wait or are in use: each of their suspects is younger than the grace, or below a session
 * of theirs that another host opened, or its topmost suspect accepted a connection from one. A look at everything would end
 * one of these trees only if its server asks for a grace of its own, shorter than the policy's.
 * Guard: a session that a process of this host opened, or may have opened, settles nothing: a tree could shield itself.
 */
export function settledUsers(cases: Cases, view: HostView): number[] {
  const sessions = sessionsFromOutside(view);
  const links = view.observation.connections?.links ?? [];
  const accepted = links.filter(
    ({ direction, peerPid }) => direction === "accepted" && peerPid !== null && sessions.has(peerPid),
  );
  const connected = new Set(accepted.map(({ pid, peerPid }) => `${sessions.get(peerPid ?? 0)} ${pid}`));
  const isSettled = (uid: number, { top, session, isYoung }: Case): boolean =>
    isYoung || (session !== null && sessions.get(session.pid) === uid) || connected.has(`${uid} ${top?.pid}`);
  return [...cases].flatMap(([uid, of]) => (of.every((one) => isSettled(uid, one)) ? [uid] : []));
}

/** The users' ssh server processes that serve a client of another host, by pid with their user. */
function sessionsFromOutside(view: HostView): Map<number, number> {
  if (view.observation.connections?.complete !== true) return new Map();
  const graph = new UseGraph(view);
  const { unreadable, foreignNet, unexplained = [] } = view.observation.connections;
  const isUnsure = (pid: number): boolean =>
    [unreadable, foreignNet, unexplained].some((pids) => pids.includes(pid));
  return new Map(
    [...graph.all()]
      .filter((node) => node.kind === "session" && node.process.uid !== 0 && graph.openedHere(node) === "no")
      .filter(({ process: { pid, ppid } }) => !isUnsure(pid) && !isUnsure(ppid))
      .map(({ process: { pid, uid } }) => [pid, uid] as const),
  );
}

/**
 * Finds the cases of each user who may be settled. Root is not, nor a user who has a tag or a mark, which this sweep may
 * have to drop, nor one who runs an ssh server of their own.
 */
export function casesByUser({ view, chain, grace }: FirstStage): Cases {
  const { observation, table, sshd } = view;
  const byPid = new Map(chain.map((one) => [one.pid, one]));
  const marked = observation.marks.map(({ pid }) => byPid.get(pid)?.uid);
  const others = [...table.byPid.values()].filter(({ pid }) => !sshd.genuine.has(pid));
  const open = new Set([0, ...marked, ...[...observation.tags, ...others].map(({ uid }) => uid)]);
  const known = new Map<ChainProcess, Case>();
  const caseOf = (one: ChainProcess): Case => {
    const parent = parentOf({ byPid }, one);
    const above = parent === null ? undefined : known.get(parent);
    const server = sshd.genuine.get(one.pid);
    if (server?.startTime === one.startTime) return { session: server, top: null, isYoung: true };
    const below = parent?.uid === one.uid ? above : undefined;
    return {
      session: above?.session ?? null,
      top: below?.top ?? (one.suspect ? one : null),
      isYoung: (below?.isYoung ?? true) && ageOf(one, observation) < grace,
    };
  };
  const cases = new Map<number, Case[]>();
  for (const start of chain) {
    if (!start.suspect || open.has(start.uid)) continue;
    // Guard: each process is met once, so a chain of thousands costs its length and not its square.
    const path = new Set<ChainProcess>();
    for (let one: ChainProcess | null = start; one && !known.has(one) && !path.has(one); ) {
      path.add(one);
      one = parentOf({ byPid }, one);
    }
    for (const one of [...path].reverse()) known.set(one, caseOf(one));
    const list = cases.get(start.uid) ?? [];
    list.push(known.get(start) ?? caseOf(start));
    cases.set(start.uid, list);
  }
  return cases;
}
