/** Decides what of a plan still stands at the look right before the first signal. */

import { keyOf } from "../observation/process.ts";
import type { Judgement } from "../verdict/judge.ts";
import { GONE, type Outcome } from "./outcome.ts";

/** Splits a plan into the trees still to be ended, as they are now, and those that are spared or gone. */
export function confirmPlan(
  plan: readonly Judgement[],
  now: readonly Judgement[],
): { confirmed: Judgement[]; spared: Outcome[] } {
  const treeOf = new Map(now.flatMap((one) => one.tree.members.map((member) => [keyOf(member), one])));
  const confirmed = new Set<Judgement>();
  const spared: Outcome[] = [];
  for (const judgement of plan) {
    // When a root has died since, what is left of its tree stands as one or more trees of its own.
    const found = judgement.tree.members.flatMap((member) => treeOf.get(keyOf(member)) ?? []);
    const rest = [...new Set(found)];
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
