/** What an observer without root cannot know, and how that is shown. */

import type { Observation } from "../../../core/observation/observation.ts";
import type { Judgement } from "../../../core/verdict/judge.ts";

const ONLY_ROOT = "only root can tell whether it is in use";

/**
 * Says whether processes of other users, ssh servers among them, were hidden from the observer. Inside a pid namespace of
 * their own, users see everything.
 */
export function isBlind({ observerUid, counts, source }: Observation): boolean {
  return source === "proc" && observerUid !== 0 && counts.denied > 0;
}

/** What an ordinary user's list leaves out. */
export const ownOnly = (observation: Observation): string =>
  `Only your own processes were looked at${isBlind(observation) ? "; only root can see who is connected to them" : ""}.`;

/** A judgement with what the observer can know: without root, nothing shows that a tree is unused. */
export function asSeen(judgement: Judgement, observation: Observation): Judgement {
  if (!isBlind(observation)) return judgement;
  const facts = judgement.facts.map((fact) =>
    fact.value === "no"
      ? { ...fact, value: "unknown" as const, detail: `${ONLY_ROOT}; what you can see: ${fact.detail}` }
      : fact,
  );
  if (judgement.verdict !== "reap" && judgement.verdict !== "wait") return { ...judgement, facts };
  const reasons = [ONLY_ROOT, ...judgement.reasons.map((reason) => `as you see it: ${reason}`)];
  return { ...judgement, facts, verdict: "unknown", reasons };
}
