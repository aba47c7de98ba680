/** The judgement: an observation and a policy in, a verdict with its reasons for every tree out. Pure. */

import { collectEvidence, type Evidence, type Fact } from "../evidence/evidence.ts";
import type { UseCode } from "../evidence/use.ts";
import type { Observation } from "../observation/observation.ts";
import { exeName } from "../observation/process.ts";
import type { Policy } from "../policy/policy.ts";
import { mayBeOneProduct } from "../recognition/catalogue.ts";
import { managersHere } from "../tree/boundary.ts";
import { type HostView, viewOf } from "../tree/host-view.ts";
import { isHelpersOnly, type Tree } from "../tree/tree.ts";
import { type Clock, makeClock } from "./clock.ts";
import { type Accounts, type Exempt, exemptionsOf, NO_ACCOUNTS } from "./exemption.ts";
import { graceOf } from "./grace.ts";
import { type Decision, decideOrphan, type Orphan, type Verdict } from "./orphan.ts";
import type { ReasonCode } from "./reason-codes.ts";
import { unread } from "./unread.ts";

export type { Verdict } from "./orphan.ts";

export interface Judgement {
  readonly tree: Tree;
  readonly verdict: Verdict;
  readonly reasonCode: ReasonCode;
  readonly reasons: readonly string[];
  readonly facts: readonly Fact[];
  /** Why the tree is in use; null: nothing is known to use it. */
  readonly use: UseCode | null;
  /** Whether this look saw it in use: that is a sign of use for the next ones. */
  readonly isInUse: boolean;
  /** Since when the tree is unused, if it is. */
  readonly clock: Clock;
  /** Milliseconds after the last sign of use that an orphan is left alone. */
  readonly grace: number;
  /** Milliseconds until a sweep ends a waiting orphan at the earliest; null: it is not waiting. */
  readonly endsIn: number | null;
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
  const { policy } = context;
  const here = managersHere(
    [...sshd.genuine.values()].filter(({ uid }) => uid === 0),
    observation.ownCgroups ?? [],
  );
  const clockOf = makeClock(view);
  const clocks = new Map(trees.map((tree) => [tree, clockOf(tree)]));
  const exemptions = new Map(
    [...clocks].map(([tree, { mark }]) => {
      const markedFor = observation.uptime - mark;
      return [tree, exemptionsOf(tree, { ...context, catalogue, here, observation, markedFor })];
    }),
  );
  const { silentAfter } = policy;
  const evidence = collectEvidence(view, { sources: sourcesAmong(exemptions), silentAfter });
  const cases = [...clocks].flatMap(([tree, own]): TreeCase[] => {
    const facts = evidence.get(tree);
    if (!facts) return [];
    // Trees that are connected with each other were last used when any of them was.
    const group = facts.group.flatMap((one) => clocks.get(one) ?? []);
    const { at, sign } = group.reduce((a, b) => (b.at > a.at ? b : a), own);
    const orphan = { tree, clock: { ...own, at, sign }, grace: graceOf(tree, policy) };
    return [{ orphan, facts, exemptions: exemptions.get(tree) ?? [], observation, context }];
  });
  // Helpers get the verdict of the server that they may belong to, so servers are judged first.
  const isOfHelpers = ({ orphan }: TreeCase): boolean => isHelpersOnly(orphan.tree);
  const servers = cases.filter((one) => !isOfHelpers(one)).map((one) => judgeTree(one, []));
  const helpers = cases.filter(isOfHelpers).map((one) => judgeTree(one, servers));
  const { uids, pids } = context.options;
  return (
    [...servers, ...helpers]
      .filter(({ tree }) => !uids || uids.includes(tree.uid))
      // Of these users only what stands above another's tree may have been read.
      .filter(({ tree }) => !observation.skipped?.includes(tree.uid))
      .filter(({ tree }) => !pids || tree.members.some((member) => pids.includes(member.pid)))
      .sort((a, b) => a.tree.root.pid - b.tree.root.pid)
  );
}

/** Trees through which others are used without a session on this host. */
function sourcesAmong(exemptions: ReadonlyMap<Tree, readonly Exempt[]>): Map<Tree, string> {
  return new Map(
    [...exemptions].flatMap(([tree, list]) => {
      const source = list.find(({ isSource }) => isSource);
      return source ? [[tree, source.reason] as const] : [];
    }),
  );
}

interface TreeCase {
  /** The tree, with what counts should it turn out to be an orphan. */
  readonly orphan: Orphan;
  readonly facts: Evidence;
  readonly exemptions: readonly Exempt[];
  readonly observation: Observation;
  readonly context: JudgeContext;
}

function judgeTree(given: TreeCase, servers: readonly Judgement[]): Judgement {
  const { orphan, facts, exemptions, observation, context } = given;
  const { tree, clock, grace } = orphan;
  const server = possibleServerOf(tree, servers);
  const byEvidence = decideByEvidence(given, server);
  const unforced = applyExemptions(observation, byEvidence, exemptions);
  const final = context.options.force ? decideByForce(unforced, exemptions, context.options) : unforced;
  return {
    tree,
    verdict: final.verdict,
    reasonCode: final.reasonCode,
    reasons: final.reasons,
    facts: [facts.ancestor, facts.client],
    use: facts.use ?? server?.use ?? null,
    isInUse: byEvidence.verdict === "spare" && byEvidence.reasonCode !== "agent-busy",
    clock,
    grace,
    endsIn: final.endsIn ?? null,
    exemptions,
    byEvidence: byEvidence.verdict,
    unforced: unforced.verdict,
  };
}

function applyExemptions(
  observation: Observation,
  byEvidence: Decision,
  exemptions: readonly Exempt[],
): Decision {
  const reasons = exemptions.map(({ reason }) => reason);
  // A listing has no sockets, no sessions and no executables: it shows what is recognised, never what to do.
  if (observation.source === "ps")
    return {
      verdict: "unknown",
      reasonCode: "process-listing",
      reasons: [...byEvidence.reasons, ...reasons],
    };
  const [first] = exemptions;
  return first ? { verdict: "exempt", reasonCode: first.code, reasons } : byEvidence;
}

/** Decides without regard to exemptions: use spares, then doubt does, and only then does time count. */
function decideByEvidence(given: TreeCase, server: Judgement | undefined): Decision {
  const { orphan, facts, observation, context } = given;
  const { tree } = orphan;
  const both = [facts.ancestor, facts.client];
  const inUseBy = both.filter(({ value }) => value === "yes");
  if (facts.use)
    return {
      verdict: "spare",
      reasonCode: facts.use,
      reasons: inUseBy.map(({ detail }) => `in use: ${detail}`),
    };
  const doubts = both.filter(({ value }) => value === "unknown");
  const hidden = unread(tree, context.policy);
  const reasons = [
    ...doubts.map(({ fact, detail }) => `${fact} unknown: ${detail}`),
    ...hidden.map(({ reason }) => reason),
  ];
  const doubt = facts.doubt ?? hidden[0]?.code;
  if (doubt !== undefined) return { verdict: "unknown", reasonCode: doubt, reasons };
  const parent = tree.ancestors[0];
  if (isHelpersOnly(tree) && parent && parent.pid !== 1 && exeName(parent.exe) !== "systemd")
    return {
      verdict: "spare",
      reasonCode: "parent-alive",
      reasons: [`its parent ${exeName(parent.exe)} ${parent.pid} lives, belongs to no tree and uses it`],
    };
  if (server)
    return {
      verdict: server.unforced,
      reasonCode: "as-its-server",
      reasons: [`may belong to tree ${server.tree.root.pid} (${server.unforced})`],
      ...(server.endsIn !== null && { endsIn: server.endsIn }),
    };
  return decideOrphan(orphan, observation, context.policy);
}

/** Force overrides evidence, grace and doubt; never an exemption without the flag that lifts it. */
function decideByForce(unforced: Decision, exemptions: readonly Exempt[], options: JudgeOptions): Decision {
  const standing = exemptions.filter(
    ({ liftedBy }) =>
      !(liftedBy === "--include-jobs" && options.includeJobs) &&
      !(liftedBy === "--include-exempt" && options.includeExempt),
  );
  const [first] = standing;
  if (first)
    return { verdict: "exempt", reasonCode: first.code, reasons: standing.map(({ reason }) => reason) };
  if (unforced.verdict === "reap") return unforced;
  return {
    verdict: "reap",
    reasonCode: "forced",
    reasons: [`forced, otherwise ${unforced.verdict}`, ...unforced.reasons],
  };
}

/**
 * The server that a tree of helpers alone may belong to, by pipes that nothing attributes: one of the same user and
 * product that stays and is older. The helpers get that server's verdict; older helpers are not shielded by it.
 */
function possibleServerOf(tree: Tree, servers: readonly Judgement[]): Judgement | undefined {
  return servers.find(
    ({ tree: other, unforced }) =>
      unforced !== "reap" &&
      other.uid === tree.uid &&
      mayBeOneProduct(other.product, tree.product) &&
      other.root.startTime <= tree.root.startTime,
  );
}
