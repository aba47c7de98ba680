/** The second look, right before the first signal: what of a plan still stands. */

import { keyOf } from "../observation/process.ts";
import type { Judgement } from "../verdict/judge.ts";
import { GONE, type Outcome } from "./outcome.ts";

/** Which trees of the plan are still to be ended, in their state of now. */
export function confirm(
  plan: readonly Judgement[],
  now: readonly Judgement[],
): { confirmed: Judgement[]; spared: Outcome[] } {
  const confirmed: Judgement[] = [];
  const spared: Outcome[] = [];
  for (const judgement of plan) {
    const members = new Set(judgement.tree.members.map(keyOf));
    // When its root died meanwhile, what is left of a tree stands as one or more trees of its own.
    const rest = now.filter(({ tree }) => tree.members.some((member) => members.has(keyOf(member))));
    const kept = rest.find(({ verdict }) => verdict !== "reap");
    if (kept) {
      const why = `${kept.verdict}: ${kept.reasons.join("; ")}`;
      spared.push({ judgement, killed: [], survivors: [], spared: why });
    } else if (rest.length === 0) spared.push({ judgement, killed: [], survivors: [], spared: GONE });
    else confirmed.push(...rest.filter((other) => !confirmed.includes(other)));
  }
  return { confirmed, spared };
}
