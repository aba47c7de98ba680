/** What a sweep notes of each tree for the next one: when it was last seen in use, and first found an orphan since. */

import type { Observation, Tag, TreeState } from "../observation/observation.ts";
import { keyOf } from "../observation/process.ts";
import { isAgentTree, readCpu } from "./agents.ts";
import { usersOf } from "./clock.ts";
import type { Judgement, JudgeOptions } from "./judge.ts";

/** Guard: all users share the file. Of a user with more trees, the oldest of these many have a line. */
const MAX_STATES_OF_USER = 256;

export interface States {
  readonly states: readonly TreeState[];
  readonly usersSeen: Readonly<Record<number, number>>;
}

/**
 * The judgements of a sweep that looked twice: what either look saw in use was in use. What only the second one did not see
 * in use has been an orphan for no longer than the settle time, and an old tag must not date that.
 */
export function newestOf(first: readonly Judgement[], second: readonly Judgement[]): Judgement[] {
  const used = new Map(second.filter(({ isInUse }) => isInUse).map((one) => [keyOf(one.tree.root), one]));
  return first.map((one) => used.get(keyOf(one.tree.root)) ?? one);
}

/** Makes the states after a look that gave these judgements; `ended` holds the keys of processes that were ended. */
export function statesAfter(
  observation: Observation,
  judgements: readonly Judgement[],
  { uids, pids }: Pick<JudgeOptions, "uids" | "pids">,
  ended: ReadonlySet<string>,
): States {
  const { states, usersSeen, skipped = [], overBudget = [], uptime } = observation;
  const judged = new Set(judgements.map(({ tree }) => keyOf(tree.root)));
  const isPartial = uids !== null || pids !== null;
  const unseen = states.filter(
    (state) =>
      !judged.has(keyOf(state)) &&
      (isPartial || skipped.includes(state.uid) || overBudget.includes(state.uid)),
  );
  const current = judgements
    .filter(({ tree }) => !ended.has(keyOf(tree.root)))
    .map((judgement) => stateAfter(judgement, observation));
  const all = [...unseen, ...current].sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  const count = new Map<number, number>();
  const [kept, dropped]: [TreeState[], TreeState[]] = [[], []];
  for (const state of all) {
    const before = count.get(state.uid) ?? 0;
    count.set(state.uid, before + 1);
    (before < MAX_STATES_OF_USER ? kept : dropped).push(state);
  }
  // Who was skipped counts as seen in use. The earlier time of a user stays while some tree of theirs has no line.
  const lasting = new Set([...unseen, ...dropped].map(({ uid }) => uid));
  const earlier = Object.entries(usersSeen).filter(([uid]) => isPartial || lasting.has(Number(uid)));
  const inUse = dropped.filter(({ usedAt }) => usedAt === uptime).map(({ uid }) => uid);
  const now = [...skipped, ...inUse].map((uid) => [uid, uptime] as const);
  return { states: kept, usersSeen: Object.fromEntries([...earlier, ...now]) };
}

function stateAfter(judgement: Judgement, observation: Observation): TreeState {
  const { tree, byEvidence, isInUse, clock } = judgement;
  const { pid, startTime } = tree.root;
  const { uptime, usersSeen } = observation;
  const seen = usersOf(tree).flatMap((uid) => usersSeen[uid] ?? []);
  const usedBefore = [clock.state?.usedAt ?? [], ...seen].flat();
  const state = {
    pid,
    startTime,
    uid: tree.uid,
    usedAt: usedBefore.length > 0 ? Math.max(...usedBefore) : null,
    orphanAt: clock.state?.orphanAt ?? null,
  };
  if (isInUse) return { ...state, usedAt: uptime, orphanAt: null };
  // What is not known leaves everything as it was.
  if (byEvidence === "unknown") return clock.state?.cpu ? { ...state, cpu: clock.state.cpu } : state;
  const cpu = isAgentTree(tree) ? readCpu(tree.members, uptime) : undefined;
  return { ...state, orphanAt: clock.mark, ...(cpu && { cpu }) };
}

/** Lists the users whose tag has served: of those looked at, who has no tree left. A part of the host removes none. */
export function servedTags(
  { tags, skipped = [], overBudget = [] }: Observation,
  judgements: readonly Judgement[],
  { uids, pids }: Pick<JudgeOptions, "uids" | "pids">,
  ended: ReadonlySet<string>,
): Tag[] {
  if (uids !== null || pids !== null) return [];
  const left = judgements.filter(({ tree }) => tree.members.some((member) => !ended.has(keyOf(member))));
  const users = new Set([...skipped, ...overBudget, ...left.flatMap(({ tree }) => usersOf(tree))]);
  return tags.filter(({ uid }) => !users.has(uid));
}
