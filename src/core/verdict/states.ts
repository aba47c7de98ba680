/** What a sweep notes of each tree for the next one: when it was last seen in use, and first found an orphan since. */

import type { Observation, Tag, TreeState } from "../observation/observation.ts";
import { keyOf } from "../observation/process.ts";
import { isBusyKind } from "../recognition/catalogue.ts";
import { groupBy } from "../text/group-by.ts";
import { usersOf } from "../tree/tree.ts";
import { readCpu } from "./agents.ts";
import type { Judgement, JudgeOptions } from "./judge.ts";

/** Guard: all users share the file. Of a user with more trees, the oldest of these many have a state. */
const MAX_STATES_OF_USER = 256;

/** The part of an observation that a sweep computes for the next one. */
export type States = Pick<Observation, "lastSweepAt" | "states">;

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
  const { states, skipped = [], overBudget = [], lastSweepAt, uptime } = observation;
  const judged = new Set(judgements.map(({ tree }) => keyOf(tree.root)));
  const isPartial = uids !== null || pids !== null;
  // A skipped user's trees lose their states: without one they count as used now.
  const unseen = states.filter(
    (state) => !judged.has(keyOf(state)) && (isPartial || overBudget.includes(state.uid)),
  );
  const current = judgements.map((judgement) => stateAfter(judgement, uptime));
  const byAge = [...unseen, ...current].sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  const kept = [...byAge, ...judgements.flatMap((judgement) => statesBelow(judgement, uptime))].filter(
    (state) => !ended.has(keyOf(state)),
  );
  const bounded = [...groupBy(kept, ({ uid }) => uid).values()].map((own) =>
    own.slice(0, MAX_STATES_OF_USER),
  );
  // On a host without a tree there is nothing that a later sweep could confuse with a new one.
  const hasTrees = judgements.length + unseen.length + skipped.length > 0;
  const at = hasTrees ? uptime : null;
  return { lastSweepAt: isPartial ? lastSweepAt : at, states: bounded.flat() };
}

function stateAfter({ tree, byEvidence, isInUse, clock }: Judgement, uptime: number): TreeState {
  const { pid, startTime } = tree.root;
  const state = {
    pid,
    startTime,
    uid: tree.uid,
    usedAt: clock.usedAt > 0 ? clock.usedAt : null,
    orphanAt: clock.state?.orphanAt ?? null,
  };
  if (isInUse) return { ...state, usedAt: uptime, orphanAt: null };
  // What is not known leaves everything as it was.
  if (byEvidence === "unknown") return clock.state?.cpu ? { ...state, cpu: clock.state.cpu } : state;
  const cpu = isBusyKind(tree.kind) ? readCpu(tree.members, uptime) : undefined;
  return { ...state, orphanAt: clock.mark, ...(cpu && { cpu }) };
}

/** What is left of a tree that a sweep ended in part has lost its root: each process stands for the tree then. */
function statesBelow(judgement: Judgement, uptime: number): TreeState[] {
  const { verdict, tree } = judgement;
  const { cpu: _, ...state } = stateAfter(judgement, uptime);
  const below = verdict === "reap" ? tree.members.filter(({ pid }) => pid !== tree.root.pid) : [];
  return below.map(({ pid, startTime }) => ({ ...state, pid, startTime }));
}

/** Lists the tags whose users have no tree left, for the sweep to remove. A sweep of a part of the host removes none. */
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
