/** The judgement: an observation and a policy in, a verdict with its reasons for every tree out. Pure. */

import { collectEvidence, type Evidence, type Fact } from "../evidence/evidence.ts";
import { type HostView, viewOf } from "../evidence/host-view.ts";
import {
  ageOf,
  type Mark,
  type Observation,
  type RemoteAttachment,
  type Tag,
} from "../observation/observation.ts";
import type { Policy } from "../policy/policy.ts";
import { formatDuration } from "../text/duration.ts";
import { servicesOf } from "../tree/boundary.ts";
import { leadersOf, type Tree } from "../tree/tree.ts";
import { type Accounts, type Exempt, exemptionsOf, NO_ACCOUNTS } from "./exemption.ts";
import { graceOf } from "./grace.ts";
import { nodeMovedTo } from "./moved-user.ts";

/**
 * `wait`: orphaned, inside its grace. `spare`: in use. `exempt`: policy or a batch job. `unknown`: a needed fact
 * could not be had.
 */
export type Verdict = "reap" | "wait" | "spare" | "exempt" | "unknown";

export interface Judgement {
  readonly tree: Tree;
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
  readonly facts: readonly Fact[];
  /** The newest valid tag on any process of the tree. */
  readonly tag: Tag | null;
  /** Milliseconds: how long an orphan is left alone, and since when it is one (null: not known). */
  readonly grace: number;
  readonly orphanedFor: number | null;
  readonly exemptions: readonly Exempt[];
  /** What the evidence and the grace alone come to. */
  readonly byEvidence: Verdict;
  /** What the verdict would be without --force. */
  readonly unforced: Verdict;
}

export interface JudgeOptions {
  readonly force: boolean;
  readonly includeJobs: boolean;
  readonly includeExempt: boolean;
  /** Judge only trees of these users, or that hold one of these processes; null: all. */
  readonly uids: readonly number[] | null;
  readonly pids: readonly number[] | null;
}

export const UNFORCED: JudgeOptions = {
  force: false,
  includeJobs: false,
  includeExempt: false,
  uids: null,
  pids: null,
};

export interface JudgeContext {
  readonly policy: Policy;
  readonly accounts: Accounts;
  readonly minUid: number;
  /** Local date, "2026-11-23", for exemptions that end. */
  readonly today: string;
  readonly options: JudgeOptions;
}

export function contextFor(policy: Policy, today: string): JudgeContext {
  return { policy, accounts: NO_ACCOUNTS, minUid: policy.minUid ?? 1000, today, options: UNFORCED };
}

/** Judges an observation of which no view was made yet. */
export function judge(observation: Observation, context: JudgeContext): Judgement[] {
  return judgeView(viewOf(observation, context.policy.catalogue), context);
}

/** Judges every tree, or the chosen ones. Connections among all trees count, chosen or not. */
export function judgeView(view: HostView, context: JudgeContext): Judgement[] {
  const { observation, catalogue, trees, sshd } = view;
  const evidence = collectEvidence(view);
  const sshdServices = servicesOf([...sshd.genuine.values()].filter((process) => process.uid === 0));
  const cases = trees.flatMap((tree, i) => {
    const facts = evidence[i];
    const { keeps, takenAt } = observation;
    const exemptions = exemptionsOf(tree, { ...context, catalogue, sshdServices, keeps, now: takenAt });
    return facts ? [{ tree, facts, exemptions, observation, context }] : [];
  });
  // Helpers follow the server they may belong to, so servers are judged first.
  const servers = cases.filter(({ tree }) => !isHelpersOnly(tree)).map((given) => judgeTree(given, []));
  const helpers = cases.filter(({ tree }) => isHelpersOnly(tree)).map((given) => judgeTree(given, servers));
  const { uids, pids } = context.options;
  return [...servers, ...helpers]
    .filter(({ tree }) => !uids || uids.includes(tree.uid))
    .filter(({ tree }) => !pids || tree.members.some((member) => pids.includes(member.pid)))
    .sort((a, b) => a.tree.root.pid - b.tree.root.pid);
}

const isHelpersOnly = (tree: Tree): boolean =>
  [...tree.recognised.values()].every(({ role }) => role === "helper");

interface TreeCase {
  readonly tree: Tree;
  readonly facts: Evidence;
  readonly exemptions: readonly Exempt[];
  readonly observation: Observation;
  readonly context: JudgeContext;
}

type Decision = { readonly verdict: Verdict; readonly reasons: readonly string[] };

function judgeTree(given: TreeCase, servers: readonly Judgement[]): Judgement {
  const { tree, facts, exemptions, observation, context } = given;
  const tag = tagOf(tree, observation);
  const moved = nodeMovedTo(tree, tag, observation);
  const full = graceOf(tree, context.policy);
  // All that another node's word does: it shortens the grace of what is an orphan by this host's own evidence.
  const grace = moved ? Math.min(full, context.policy.cluster.grace) : full;
  const orphanedFor = tag ? observation.uptime - tag.closedUptime : null;
  const ruling = decideByEvidence(given, servers, tag, grace, moved);
  const exempt = exemptions.map(({ reason }) => reason);
  const unforced = applyExemptions(observation, ruling, exempt);
  const final = context.options.force ? decideByForce(unforced, exemptions, context.options) : unforced;
  return {
    tree,
    verdict: final.verdict,
    reasons: final.reasons,
    facts: [facts.ancestor, facts.client],
    tag,
    grace,
    orphanedFor,
    exemptions,
    byEvidence: ruling.verdict,
    unforced: unforced.verdict,
  };
}

function applyExemptions(
  observation: Observation,
  byEvidence: Decision,
  exempt: readonly string[],
): Decision {
  // A listing has no sockets, no sessions and no executables: it shows what is recognised, never what to do.
  if (observation.source === "ps") return { verdict: "unknown", reasons: [...byEvidence.reasons, ...exempt] };
  return exempt.length > 0 ? { verdict: "exempt", reasons: exempt } : byEvidence;
}

/** The order matters: use spares, doubt spares, and only then does time count. */
function decideByEvidence(
  given: TreeCase,
  servers: readonly Judgement[],
  tag: Tag | null,
  grace: number,
  moved: RemoteAttachment | null,
): Decision {
  const { tree, facts, observation, context } = given;
  const inUseBy = [facts.ancestor, facts.client].filter((fact) => fact.value === "yes");
  if (inUseBy.length > 0)
    return { verdict: "spare", reasons: inUseBy.map((fact) => `in use: ${fact.detail}`) };
  const doubts = [facts.ancestor, facts.client].filter((fact) => fact.value === "unknown");
  const reasons = doubts.map((fact) => `${fact.fact} unknown: ${fact.detail}`);
  if (tree.root.uids === null) reasons.push(`the user ids of ${tree.root.pid} could not be read`);
  if (tree.root.cgroups === null)
    reasons.push(`the cgroups of ${tree.root.pid} could not be read; it may be in a batch job`);
  // Also where nobody asked: an unknown environment may be a batch job's.
  const hidden = leadersOf(tree).find(
    ({ jobVariables }) => jobVariables === null || jobVariables === undefined,
  );
  if (hidden && context.policy.jobEnvironment === "exempt")
    reasons.push(`the environment of ${hidden.pid} could not be read; it may be a batch job's`);
  const unread = tree.root.argvStatus === "timeout" || tree.root.argvStatus === "denied";
  if (unread || [...tree.recognised.values()].every(({ role }) => role === "unknown"))
    reasons.push(`the command line of ${tree.root.pid} could not be read`);
  if (reasons.length > 0) return { verdict: "unknown", reasons };
  const server = possibleServerOf(tree, servers);
  if (server) {
    const verdict = server.unforced;
    return { verdict, reasons: [`may serve tree ${server.tree.root.pid}, whose verdict is ${verdict}`] };
  }
  return tag ? decideTagged(tag, grace, observation, moved) : decideUntagged(given, grace);
}

function decideTagged(
  tag: Tag,
  grace: number,
  observation: Observation,
  moved: RemoteAttachment | null,
): Decision {
  const gone = Math.max(0, observation.uptime - tag.closedUptime);
  const where = moved ? `, its user is attached on ${moved.host}` : "";
  const since = `orphaned: the session closed ${formatDuration(gone)} ago${where}`;
  return gone >= grace
    ? { verdict: "reap", reasons: [`${since}, grace ${formatDuration(grace)}`] }
    : { verdict: "wait", reasons: [`${since}, inside the grace of ${formatDuration(grace)}`] };
}

function decideUntagged({ tree, observation, context }: TreeCase, grace: number): Decision {
  const age = ageOf(tree.root, observation);
  const named = `orphaned: nobody is connected, no tag, started ${formatDuration(age)} ago`;
  if (age < grace)
    return { verdict: "wait", reasons: [`${named}, inside the grace of ${formatDuration(grace)}`] };
  if (context.policy.untagged === "reap")
    return { verdict: "reap", reasons: [`${named}, grace ${formatDuration(grace)}`] };
  const mark = markOf(tree, observation.marks);
  if (!mark) return { verdict: "wait", reasons: [`${named}; marked for a later sweep`] };
  const seen = Math.max(0, observation.uptime - mark.seenUptime);
  const twice = `${named}; first seen so ${formatDuration(seen)} ago`;
  return seen >= grace ? { verdict: "reap", reasons: [twice] } : { verdict: "wait", reasons: [twice] };
}

/** Force overrides evidence, grace and doubt; never an exemption without the flag that lifts it. */
function decideByForce(unforced: Decision, exemptions: readonly Exempt[], options: JudgeOptions): Decision {
  const standing = exemptions.filter(
    ({ liftedBy }) =>
      !(liftedBy === "--include-jobs" && options.includeJobs) &&
      !(liftedBy === "--include-exempt" && options.includeExempt),
  );
  if (standing.length > 0) return { verdict: "exempt", reasons: standing.map(({ reason }) => reason) };
  if (unforced.verdict === "reap") return unforced;
  return { verdict: "reap", reasons: [`forced, otherwise ${unforced.verdict}`, ...unforced.reasons] };
}

/**
 * A tree of helpers alone may belong to a server of the same user and product that is older than it, by pipes that
 * nobody can attribute: it shares that server's lot. A helper from before that server is not shielded by it.
 */
function possibleServerOf(tree: Tree, servers: readonly Judgement[]): Judgement | undefined {
  return servers.find(
    ({ tree: other, unforced }) =>
      unforced !== "reap" &&
      other.uid === tree.uid &&
      other.product === tree.product &&
      other.root.startTime <= tree.root.startTime,
  );
}

/** The newest tag of this boot and this user on any process of the tree: the hook sees executables, not roots. */
function tagOf(tree: Tree, observation: Observation): Tag | null {
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

function markOf(tree: Tree, marks: readonly Mark[]): Mark | undefined {
  return marks.find((mark) => mark.pid === tree.root.pid && mark.startTime === tree.root.startTime);
}
