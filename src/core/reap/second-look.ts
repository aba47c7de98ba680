/** Decides what of a plan still stands at the look right before the first signal. */

import type { Fault } from "../observation/fault.ts";
import { keyOf } from "../observation/process.ts";
import type { Judgement } from "../verdict/judge.ts";
import { GONE, type Outcome } from "./outcome.ts";

/** Guard: the trees of one user that one sweep ends, and records in the ledger: 256 each hour fill it in two years. */
const MAX_TREES = 256;

/** Picks the trees to end, at most 256 per user, and reports the users who have more. A forced sweep ends all. */
export function planOf(
  judgements: readonly Judgement[],
  force: boolean,
): { plan: Judgement[]; faults: Fault[] } {
  const counts = new Map<number, number>();
  const plan = judgements.filter(({ verdict, tree: { uid } }) => {
    if (verdict !== "reap") return false;
    counts.set(uid, (counts.get(uid) ?? 0) + 1);
    return force || (counts.get(uid) ?? 0) <= MAX_TREES;
  });
  const faults = [...counts].flatMap(([uid, count]): Fault[] => {
    if (force || count <= MAX_TREES) return [];
    const detail = `this sweep ends ${MAX_TREES} of ${count}, the next ones the others`;
    return [{ what: "end all unused trees", uid, detail }];
  });
  return { plan, faults };
}

/** Splits a plan into the trees still to be ended, as they are now, and those that are spared or gone. */
export function confirmPlan(
  plan: readonly Judgement[],
  now: readonly Judgement[],
): { confirmed: Judgement[]; spared: Outcome[] } {
  const confirmed = new Set<Judgement>();
  const spared: Outcome[] = [];
  for (const judgement of plan) {
    const members = new Set(judgement.tree.members.map(keyOf));
    // When a root has died since, what is left of its tree stands as one or more trees of its own.
    const rest = now.filter(({ tree }) => tree.members.some((member) => members.has(keyOf(member))));
    const kept = rest.find(({ verdict }) => verdict !== "reap");
    if (kept) spared.push(sparedOutcome(judgement, `${kept.verdict}: ${kept.reasons.join("; ")}`));
    else if (rest.length === 0) spared.push(sparedOutcome(judgement, GONE));
    else for (const tree of rest) confirmed.add(tree);
  }
  return { confirmed: [...confirmed], spared };
}

const sparedOutcome = (judgement: Judgement, spared: string): Outcome => ({
  judgement,
  killed: [],
  survivors: [],
  spared,
});
