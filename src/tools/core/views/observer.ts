/** What an observer without root cannot know, and how that is shown. */

import type { Fact } from "../../../core/evidence/evidence.ts";
import type { Observation } from "../../../core/observation/observation.ts";
import type { Judgement, Verdict } from "../../../core/verdict/judge.ts";

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

/** Says why a verdict for lack of use is not shown; null if it can be. */
export function whyUnseen({ verdict }: Pick<Judgement, "verdict">, observation: Observation): string | null {
  return isBlind(observation) && (verdict === "reap" || verdict === "wait") ? ONLY_ROOT : null;
}

/** The verdict that the observer can know: without root, nothing shows that a tree is unused. */
export function shownVerdict(judgement: Pick<Judgement, "verdict">, observation: Observation): Verdict {
  return whyUnseen(judgement, observation) === null ? judgement.verdict : "unknown";
}

/** The fact that the observer can know. */
export function shownFact(fact: Fact, observation: Observation): Fact {
  if (!isBlind(observation) || fact.value !== "no") return fact;
  return { ...fact, value: "unknown", detail: `${ONLY_ROOT}; what you can see: ${fact.detail}` };
}
