/** When an orphan is ended: on one look, on two, or not yet. */

import { ageOf, type Mark, type Observation, type Tag } from "../observation/observation.ts";
import type { Policy } from "../policy/policy.ts";
import { formatDuration } from "../text/duration.ts";
import type { Tree } from "../tree/tree.ts";
import { isAgentTree, workSince } from "./agents.ts";
import type { ReasonCode } from "./reason-codes.ts";

/**
 * `wait`: orphaned, inside its grace or before its second look. `spare`: in use. `exempt`: policy or a batch job.
 * `unknown`: a needed fact could not be had.
 */
export type Verdict = "reap" | "wait" | "spare" | "exempt" | "unknown";

export interface Decision {
  readonly verdict: Verdict;
  /** The first and decisive reason. */
  readonly reasonCode: ReasonCode;
  readonly reasons: readonly string[];
  /** Milliseconds until a sweep ends the orphan at the earliest; absent: it is not waiting. */
  readonly endsIn?: number;
}

export interface Orphan {
  readonly tree: Tree;
  readonly tag: Tag | null;
  readonly grace: number;
  /** Whether its user has a live ssh session on this host: a window may just be reloading. */
  readonly userIsHere: boolean;
}

/**
 * Decides about an orphan. One look is enough for a tag past its grace whose user has left this host; in all else one
 * absent connection at one moment is not a proof, so a second look must find the same a grace later. An agent's daemon
 * always needs two, and is left alone when it was busy between them.
 */
export function decideOrphan(orphan: Orphan, observation: Observation, policy: Policy): Decision {
  const { tag, grace, userIsHere } = orphan;
  const age = ageOf(orphan.tree.root, observation);
  const sinceClose = tag ? Math.max(0, observation.uptime - tag.closedUptime) : null;
  const since =
    sinceClose === null
      ? `orphaned: no client is connected, no tag, started ${formatDuration(age)} ago`
      : `orphaned: the session closed ${formatDuration(sinceClose)} ago`;
  const first = (sinceClose ?? age) - grace;
  const isAgent = isAgentTree(orphan.tree);
  const oneLook = tag ? !userIsHere : policy.untagged === "reap";
  // An agent's daemon works without a client, so one look at it says nothing.
  if (!isAgent && (oneLook || grace === 0))
    return first >= 0
      ? {
          verdict: "reap",
          reasonCode: tag ? "tag-past-grace" : "untagged-past-grace",
          reasons: [`${since}, grace ${formatDuration(grace)}`],
        }
      : waiting("inside-grace", -first, `${since}, inside the grace of ${formatDuration(grace)}`);
  if (isTooYoung(orphan, observation))
    return waiting("inside-grace", grace - first, `${since}, inside the grace of ${formatDuration(grace)}`);
  const mark = markOf(orphan, observation.marks);
  const seen = mark ? Math.max(0, observation.uptime - mark.seenUptime) : null;
  const work =
    isAgent && mark && policy.agents.busy === "spare" ? workSince(orphan.tree, mark, observation) : null;
  if (work?.busy === "yes")
    return {
      verdict: "spare",
      reasonCode: "agent-busy",
      reasons: [
        `busy: used ${formatDuration(work.used)} of CPU time in the last ${formatDuration(work.elapsed)}`,
      ],
    };
  if (work?.busy === "unknown")
    return waiting("cpu-time-unknown", grace, `${since}; its CPU time is not known from before`);
  // A mark is never older than the tree or its tag, so neither is inside its grace.
  if (seen !== null && seen >= grace)
    return {
      verdict: "reap",
      reasonCode: "two-looks",
      reasons: [`${since}, and first seen so ${formatDuration(seen)} ago`],
    };
  const why = tag ? `${since}, but its user has an ssh session here` : since;
  return waiting(
    "marked",
    grace - (seen ?? 0),
    `${why}; ${seen === null ? "marked for a second look" : `first seen so ${formatDuration(seen)} ago`}`,
  );
}

/** Tells whether an orphan is too young for a mark: a sweep does not look at everything of such a tree. */
export function isTooYoung(
  { tree, tag, grace }: Pick<Orphan, "tree" | "tag" | "grace">,
  observation: Observation,
): boolean {
  return tag === null && ageOf(tree.root, observation) < grace;
}

const waiting = (reasonCode: ReasonCode, left: number, reason: string): Decision => ({
  verdict: "wait",
  reasonCode,
  reasons: [`${reason}; the first sweep after ${formatDuration(left)} ends it`],
  endsIn: left,
});

/** The newest tag of this boot and this user on any process of the tree: the hook sees executables, not roots. */
export function tagOf(tree: Tree, observation: Observation): Tag | null {
  const members = new Map(tree.members.map((member) => [member.pid, member]));
  const valid = observation.tags.filter(
    (tag) =>
      tag.bootId === observation.bootId &&
      tag.uid === tree.uid &&
      members.get(tag.root.pid)?.startTime === tag.root.startTime,
  );
  return valid.reduce<Tag | null>(
    (newest, tag) => (newest && newest.closedUptime >= tag.closedUptime ? newest : tag),
    null,
  );
}

/** The mark of an orphan's first look. One from before its newest tag is none: the tree was in use in between. */
export function markOf(
  { tree, tag }: Pick<Orphan, "tree" | "tag">,
  marks: readonly Mark[],
): Mark | undefined {
  return marks.find(
    (mark) =>
      mark.pid === tree.root.pid &&
      mark.startTime === tree.root.startTime &&
      (tag === null || mark.seenUptime >= tag.closedUptime),
  );
}
