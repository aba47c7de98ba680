/** Makes the JSON of `list`, `sweep`, `replay`, `explain` and of the notify program: schemaVersion 1. */

import { memoryKiBOf, treeCosts } from "../costs/costs.ts";
import type { Fault } from "../observation/fault.ts";
import { ageOf, type Observation } from "../observation/observation.ts";
import { endedOnly, type Outcome } from "../reap/outcome.ts";
import { safeJson } from "../text/safe-text.ts";
import { closeOf } from "../verdict/clock.ts";
import type { Judgement } from "../verdict/judge.ts";

type OutcomeDocument = ReturnType<typeof outcomeDocument>;

/** One tree. */
export type TreeDocument = ReturnType<typeof treeDocument>;

/** One host. */
export type HostDocument = ReturnType<typeof hostDocument>;

/** Makes the document of one tree. */
export function treeDocument(judgement: Judgement, observation: Observation, outcome?: OutcomeDocument) {
  const { tree } = judgement;
  const costs = treeCosts(tree, observation.ticksPerSecond);
  return {
    root: { pid: tree.root.pid, startTime: tree.root.startTime },
    uid: tree.uid,
    product: tree.product,
    kind: tree.kind,
    verdict: judgement.verdict,
    ...closeOf(judgement.clock),
    ageSeconds: Math.floor(ageOf(tree.root, observation) / 1000),
    graceSeconds: judgement.grace / 1000,
    memoryKiB: costs.memoryKiB,
    pids: tree.members.map((member) => member.pid),
    sparedBelow: tree.sparedBelow.map(({ process, why }) => ({ pid: process.pid, why })),
    costs,
    evidence: judgement.facts.map(({ fact, value, detail }) => ({ fact, value, detail })),
    /** One of docs/reasons.md. */
    reasonCode: judgement.reasonCode,
    reasons: judgement.reasons,
    ...(outcome && { outcome }),
  };
}

/** Makes the document of an outcome. A dry run kills nothing, so it says `wouldKill`. */
export function outcomeDocument({ killed, survivors, spared }: Outcome, dryRun: boolean) {
  const why = spared === null ? {} : { spared };
  if (dryRun) return { wouldKill: killed.length, ...why };
  return {
    killed: killed.length,
    survivors: survivors.map(({ pid }) => pid),
    ...why,
    freedKiB: memoryKiBOf(killed),
  };
}

/** Makes the document of one host. `dryRun`: nothing was to be changed, as by `list` and by a site that only observes. */
export function hostDocument(
  observation: Observation,
  judgements: readonly Judgement[],
  errors: readonly Fault[],
  outcomes: readonly Outcome[] = [],
  dryRun = true,
) {
  const rootOf = ({ judgement }: Outcome): number => judgement.tree.root.pid;
  const documents = new Map(outcomes.map((one) => [rootOf(one), outcomeDocument(one, dryRun)]));
  return {
    schemaVersion: 1,
    host: observation.host,
    dryRun,
    trees: judgements.map((judgement) =>
      treeDocument(judgement, observation, documents.get(judgement.tree.root.pid)),
    ),
    errors,
    takenAt: new Date(observation.takenAt).toISOString(),
  };
}

/**
 * Makes what the site's notify program gets: of each tree that a sweep ended or that survived, one line of JSON that ends with
 * a newline.
 */
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
