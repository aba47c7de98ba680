/** What the site's notify program gets about a tree that was ended, or that could not be. */

import type { Observation } from "../observation/observation.ts";
import { endedOnly, type Outcome } from "../reap/outcome.ts";
import { outcomeDocument, treeDocument } from "../report/json.ts";
import { safeJson } from "../text/safe-text.ts";

/** The trees of a sweep that were ended or survived, each as one line of JSON that ends with a newline. */
export function notificationLines(
  outcomes: readonly Outcome[],
  observation: Observation,
  at: { readonly now: number; readonly userOf: (uid: number) => string },
): string[] {
  return endedOnly(outcomes).map((outcome) => {
    const { judgement, survivors } = outcome;
    return `${safeJson({
      schemaVersion: 1,
      event: survivors.length > 0 ? "failed" : "ended",
      time: new Date(at.now).toISOString(),
      host: observation.host,
      user: at.userOf(judgement.tree.uid),
      ...treeDocument(judgement, observation, outcomeDocument(outcome, false)),
    })}\n`;
  });
}
