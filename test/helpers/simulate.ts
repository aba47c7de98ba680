/** A simulated login node over three sweeps: the judge sees what a look shows, the oracle knows what is connected to what. */

import type { Connections } from "../../src/core/observation/connections.ts";
import type { Observation } from "../../src/core/observation/observation.ts";
import { keyOf } from "../../src/core/observation/process.ts";
import { confirmPlan } from "../../src/core/reap/second-look.ts";
import { type Judgement, UNFORCED } from "../../src/core/verdict/judge.ts";
import { newestOf, type States, servedTags, statesAfter } from "../../src/core/verdict/states.ts";
import { contextFor, judge } from "./judge.ts";
import { accepted, fromHost, onTerminal, opened, paired, piped } from "./proc.ts";
import type { Pick, Seen, SimulatedHost, SimulatedTree } from "./simulated-host.ts";
import { HOUR, isDuring, SETTLE } from "./simulated-host.ts";
import { populate } from "./simulated-users.ts";

export const CONTEXT = contextFor();
const SILENT_AFTER = 12 * HOUR;
const SESSIONS_MOVE_THE_CLOCK = 24 * HOUR;

/** One look at a host: what the judge made of it, and why the oracle leaves each tree alone, or null: it does not. */
export interface Look {
  readonly seen: Seen;
  readonly judged: readonly Judgement[];
  readonly expected: ReadonlyMap<SimulatedTree, string | null>;
}

/** A sweep's look or two, the processes that it ended, and those that it was to end. */
export type Sweep = { readonly looks: readonly Look[]; readonly ended: number[]; readonly toEnd: number[] };

/** Sweeps a host three times; what a sweep ends is dead for the next one. */
export function simulate(seed: number): Sweep[] {
  const host = populate(seed);
  const oracle = makeOracle(host);
  let states: States = { lastSweepAt: null, states: [] };
  const lookAt = (at: number, uids: readonly number[] | null): Look => {
    const seen = host.lookAt(at, states);
    const judged = judge(seen, { ...CONTEXT, options: { ...UNFORCED, uids } });
    const trees = host.trees.filter(
      ({ uid, root }) => host.isAlive(root, at) && (uids ?? [uid]).includes(uid),
    );
    return { seen, judged, expected: new Map(trees.map((tree) => [tree, oracle.whyNot(tree, at)])) };
  };
  return host.sweeps.map((at) => {
    const first = lookAt(at, null);
    const plan = first.judged.filter(({ verdict }) => verdict === "reap");
    const uids = [...new Set(plan.map(({ tree }) => tree.uid))];
    const looks = plan.length > 0 ? [first, lookAt(at + SETTLE, uids)] : [first];
    const rejudged = looks[1]?.judged ?? [];
    const killed = confirmPlan(plan, rejudged).confirmed.flatMap(({ tree }) => tree.members);
    const recorded = [newestOf(first.judged, rejudged), UNFORCED, new Set(killed.map(keyOf))] as const;
    states = statesAfter(first.seen, ...recorded);
    const served = servedTags(first.seen, ...recorded).map(({ uid }) => uid);
    for (const close of host.closes) if (close.at <= at && served.includes(close.uid)) close.isRemoved = true;
    oracle.note(at, uids);
    const meant = host.trees.filter((tree) => looks.every(({ expected }) => expected.get(tree) === null));
    const dying = meant.flatMap(({ pids }) => pids);
    const toEnd = dying.filter((pid) => host.isAlive(pid, at + SETTLE));
    for (const pid of [...killed.map((one) => one.pid), ...dying]) host.endedAt.set(pid, at + SETTLE);
    return { looks, ended: killed.map(({ pid }) => pid), toEnd };
  });
}

/** Makes an observation with one connection or doubt more, of a user's process. */
export function disturb(seen: Seen, pick: Pick): Observation {
  const { connections } = seen;
  const users = seen.processes.filter(({ uid }) => uid >= 1000);
  const [{ pid, uid }, { pid: far }] = [pick(users), pick(users)];
  const init = { kind: pick(["tcp", "unix"] as const), farUid: pick([null, uid, uid + 1]) };
  const one = [accepted(pid, far, init), accepted(pid, null, init), opened(pid, far, init), fromHost(pid)];
  const two = [...paired(pid, far, init), ...paired(pid, null, init), piped(pid, far), onTerminal(pid, far)];
  const changes: Partial<Connections>[] = [
    { connections: [...connections.connections, pick([...one, ...two])] },
    { unreadable: [...connections.unreadable, pid] },
    { unlisted: [...connections.unlisted, { pid, net: null }] },
    { otherNets: [...connections.otherNets, { id: "net:[2]", pids: [pid], onlyLoopback: false }] },
  ];
  return { ...seen, connections: { ...connections, ...pick(changes) } };
}

/** Makes an observation as if one user had nothing on the host. */
export function without({ connections, ...seen }: Seen, user: number): Observation {
  const processes = seen.processes.filter(({ uid, loginUid }) => uid !== user && loginUid !== user);
  const left = new Set(processes.map(({ pid }) => pid));
  const isLeft = (pid: number): boolean => left.has(pid);
  const others = connections.connections.filter(({ near, far }) => [...near, ...far].every(isLeft));
  return { ...seen, processes, connections: { ...connections, connections: others } };
}

/** The most that a request keeps an orphan, from its mark: the default of `keep.max`. */
const KEEP_MAX = 24 * 3_600_000;

/** The rule of use and the clock, from what was planted. */
function makeOracle(host: SimulatedHost) {
  /** Of each tree: the last sweep that saw it in use, and the first that found it an orphan since. */
  const usedAt = new Map<SimulatedTree, number>();
  const marks = new Map<SimulatedTree, number>();
  const exemptBy = (tree: SimulatedTree, at: number): string | null =>
    host.keeps.some(({ uid, until }) => uid === tree.uid && at < until) &&
    at - (marks.get(tree) ?? at) < KEEP_MAX
      ? "kept"
      : tree.exempt;
  const isOutside = (tree: SimulatedTree, at: number): boolean =>
    ["a tunnel", "kept"].includes(exemptBy(tree, at) ?? "");
  const joinsAt = (at: number) =>
    host.joins.filter((one) => isDuring(one, at) && one.trees.every(({ root }) => host.isAlive(root, at)));

  /** Trees of one user that are connected with each other, without those that are outside for the others. */
  const groupOf = (tree: SimulatedTree, at: number): SimulatedTree[] => {
    const group = [tree];
    if (isOutside(tree, at)) return group;
    const pairs = joinsAt(at).map(({ trees }) => trees);
    for (const one of group)
      for (const other of pairs.filter((pair) => pair.includes(one)).flat())
        if (!group.includes(other) && other.uid === one.uid && !isOutside(other, at)) group.push(other);
    return group;
  };
  const hasSign = (kind: string, trees: readonly SimulatedTree[], at: number): boolean =>
    host.signs
      .filter((sign) => sign.kind === kind && trees.includes(sign.tree) && isDuring(sign, at))
      .some(({ lastData }) => at - (lastData ?? at) < SILENT_AFTER);
  const isUsed = (tree: SimulatedTree, at: number): boolean => {
    const group = groupOf(tree, at);
    const joins = joinsAt(at).filter(({ trees: [from, to] }) => group.includes(to) && !group.includes(from));
    return joins.length > 0 || hasSign("use", group, at);
  };
  const isDoubtful = (tree: SimulatedTree, at: number): boolean =>
    hasSign("doubt", groupOf(tree, at), at) || hasSign("unread", [tree], at);

  const sessionsOf = ({ users }: SimulatedTree, at: number) =>
    host.sessions.filter((session) => users.includes(session.uid) && isDuring(session, at));
  /** The last close of a session of its user that the tree outlived, and since which no sweep saw it in use; 0: none. */
  const closeOf = (tree: SimulatedTree, at: number): number => {
    const after = Math.max(tree.startedAt, usedAt.get(tree) ?? 0);
    const closes = host.closes.flatMap((one) => (tree.users.includes(one.uid) ? [one.at] : []));
    return Math.max(0, ...closes.filter((close) => close > after && close <= at));
  };
  const lastSignOf = (tree: SimulatedTree, at: number): number => {
    const mark = marks.get(tree) ?? at;
    const starts = [tree.startedAt, tree.windowAt].filter((start) => start <= at);
    const moved = [closeOf(tree, at) || mark, ...sessionsOf(tree, at).map(({ from }) => from)];
    return Math.max(
      usedAt.get(tree) ?? 0,
      ...starts,
      ...moved.map((time) => Math.min(time, mark + SESSIONS_MOVE_THE_CLOCK)),
    );
  };

  return {
    /** Why no look at this time may find that the tree is to be ended, or null: then it must. */
    whyNot(tree: SimulatedTree, at: number): string | null {
      const exempt = exemptBy(tree, at);
      if (exempt !== null) return exempt;
      if (isUsed(tree, at)) return "in use";
      if (isDoubtful(tree, at)) return "in doubt";
      const lastSign = Math.max(...groupOf(tree, at).map((one) => lastSignOf(one, at)));
      if (at - lastSign < tree.grace) return "inside its grace";
      const isOneSweep = closeOf(tree, at) > 0 && sessionsOf(tree, at).length === 0;
      return isOneSweep || at - (marks.get(tree) ?? at) >= tree.grace ? null : "before its second sweep";
    },

    /** Notes what a sweep saw; at its second look it sees again the trees of these users. */
    note(at: number, again: readonly number[]): void {
      const living = host.trees.filter(({ root }) => host.isAlive(root, at));
      const isSeenInUse = (tree: SimulatedTree): boolean =>
        isUsed(tree, at) || (again.includes(tree.uid) && isUsed(tree, at + SETTLE));
      // Before any is noted: whether a tree is kept, and so outside for others, depends on its mark.
      const seen = living.map((tree) => ({ tree, used: isSeenInUse(tree), doubtful: isDoubtful(tree, at) }));
      for (const { tree, used, doubtful } of seen) {
        if (used) {
          usedAt.set(tree, at);
          marks.delete(tree);
        } else if (!doubtful && !marks.has(tree)) marks.set(tree, at);
      }
    },
  };
}
