/** The judgement: an observation and a policy in, a verdict with its reasons for every tree out. Pure. */

import { collectEvidence, type Evidence, type Fact } from "../evidence/evidence.ts";
import type { Reason, ReasonCode } from "../evidence/reasons.ts";
import type { Observation } from "../observation/observation.ts";
import { isAdopter, nameOf } from "../observation/process.ts";
import type { Policy } from "../policy/policy.ts";
import { mayBeOneProduct } from "../recognition/catalogue.ts";
import { managersHere } from "../tree/boundary.ts";
import type { HostView } from "../tree/host-view.ts";
import { isHelpersOnly, type Tree } from "../tree/tree.ts";
import { clocksOf } from "./clock.ts";
import { type Accounts, type Exempt, exemptionsOf, isSource } from "./exemption.ts";
import { graceOf } from "./grace.ts";
import { areSome, type Decision, decideOrphan, type Orphan, type Verdict } from "./orphan.ts";
import { unread } from "./unread.ts";

export type { Verdict } from "./orphan.ts";

export interface Judgement extends Orphan {
  readonly verdict: Verdict;
  readonly reasonCode: ReasonCode;
  readonly reasons: readonly string[];
  readonly facts: readonly Fact[];
  /** Whether this look saw it in use: that is a sign of use for the next ones. */
  readonly isInUse: boolean;
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
  /** Local date, "2026-11-23", for exemptions that end. */
  readonly today: string;
  readonly options: JudgeOptions;
}

/** Judges every tree, or the chosen ones. Connections among all trees count, chosen or not. */
export function judgeView(view: HostView, context: JudgeContext): Judgement[] {
  const { observation, sshd } = view;
  const { policy } = context;
  const rootSshd = [...sshd.genuine.values()].filter(({ uid }) => uid === 0);
  const here = managersHere(rootSshd, observation.ownCgroups ?? []);
  const orphans = new Map(
    [...clocksOf(view)].map(([tree, clock]) => {
      const markedFor = observation.uptime - clock.mark;
      const exemptions = exemptionsOf(tree, { ...context, here, observation, markedFor });
      return [tree, { tree, clock, grace: graceOf(tree, policy), exemptions }];
    }),
  );
  // Trees through which others are used without a session on this host.
  const sources = [...orphans].flatMap(([tree, { exemptions }]) => {
    const source = exemptions.find(isSource);
    return source ? [[tree, source.text] as const] : [];
  });
  const evidence = collectEvidence(view, new Map(sources), policy.silentAfter);
  const cases = evidence.flatMap(({ trees, facts }): TreeCase[] => {
    const group = trees.flatMap((tree) => orphans.get(tree) ?? []);
    return group.map((one) => {
      // Trees that are connected with each other were last used when any of them was.
      const { at, sign } = group.reduce((a, { clock: b }) => (b.at > a.at ? b : a), one.clock);
      return { ...one, clock: { ...one.clock, at, sign }, facts };
    });
  });
  // Helpers get the verdict of the server that they may belong to, so servers are judged first.
  const isHelpers = ({ tree }: TreeCase): boolean => isHelpersOnly(tree);
  const servers = cases
    .filter((one) => !isHelpers(one))
    .map((one) => judgeTree(one, [], observation, context));
  const helpers = cases.filter(isHelpers).map((one) => judgeTree(one, servers, observation, context));
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

/** The tree, with what counts should it turn out to be an orphan, and all that decides. */
interface TreeCase extends Orphan {
  readonly facts: Evidence["facts"];
  readonly exemptions: readonly Exempt[];
}

function judgeTree(
  given: TreeCase,
  servers: readonly Judgement[],
  observation: Observation,
  { policy, options }: JudgeContext,
): Judgement {
  const { tree, facts, exemptions } = given;
  const byEvidence =
    decideByFacts(tree, facts, policy) ??
    decideAsHelpers(tree, servers) ??
    decideOrphan(given, observation, policy);
  const unforced = applyExemptions(observation, byEvidence, exemptions);
  const {
    verdict,
    reasons,
    endsIn = null,
  } = options.force ? decideByForce(unforced, exemptions, options) : unforced;
  return {
    ...given,
    verdict,
    reasonCode: reasons[0].code,
    reasons: reasons.map(({ text }) => text),
    isInUse: byEvidence.verdict === "spare" && byEvidence.reasons[0].code !== "agent-busy",
    endsIn,
    byEvidence: byEvidence.verdict,
    unforced: unforced.verdict,
  };
}

/** Without regard to exemptions: use spares, then doubt does; null: it is an orphan, and time counts. */
function decideByFacts(tree: Tree, facts: Evidence["facts"], policy: Policy): Decision | null {
  const reasonsOf = (which: Fact["value"], textOf: (fact: Fact) => string): Reason[] =>
    facts.flatMap((one) =>
      one.value === which && one.code !== null ? [{ code: one.code, text: textOf(one) }] : [],
    );
  const use = reasonsOf("yes", ({ detail }) => `in use: ${detail}`);
  if (areSome(use)) return { verdict: "spare", reasons: use };
  const doubts = [
    ...reasonsOf("unknown", ({ fact, detail }) => `${fact} unknown: ${detail}`),
    ...unread(tree, policy),
  ];
  return areSome(doubts) ? { verdict: "unknown", reasons: doubts } : null;
}

/**
 * Decides about helpers alone by what they may serve: a parent, or a server by pipes that nothing attributes, which is one of
 * the same user and product that stays and is older. The helpers get that server's verdict; older ones are not shielded by it.
 */
function decideAsHelpers(tree: Tree, servers: readonly Judgement[]): Decision | null {
  if (!isHelpersOnly(tree)) return null;
  const parent = tree.ancestors[0];
  if (parent && !isAdopter(parent)) {
    const text = `its parent ${nameOf(parent)} lives, belongs to no tree and uses it`;
    return { verdict: "spare", reasons: [{ code: "parent-alive", text }] };
  }
  const server = servers.find(
    ({ tree: other, unforced }) =>
      unforced !== "reap" &&
      other.uid === tree.uid &&
      mayBeOneProduct(other.product, tree.product) &&
      other.root.startTime <= tree.root.startTime,
  );
  if (!server) return null;
  const { unforced: verdict, endsIn } = server;
  const text = `may belong to tree ${server.tree.root.pid} (${verdict})`;
  return { verdict, reasons: [{ code: "as-its-server", text }], endsIn };
}

function applyExemptions(
  { source }: Observation,
  byEvidence: Decision,
  exemptions: readonly Exempt[],
): Decision {
  // A listing has no sockets, no sessions and no executables: it shows what is recognised, never what to do.
  if (source === "ps") {
    const [{ text }, ...more] = [...byEvidence.reasons, ...exemptions] as const;
    return { verdict: "unknown", reasons: [{ code: "process-listing", text }, ...more] };
  }
  return areSome(exemptions) ? { verdict: "exempt", reasons: exemptions } : byEvidence;
}

/** Force overrides evidence, grace and doubt; never an exemption without the flag that lifts it. */
function decideByForce(unforced: Decision, exemptions: readonly Exempt[], options: JudgeOptions): Decision {
  const standing = exemptions.filter(
    ({ liftedBy }) =>
      !(liftedBy === "--include-jobs" && options.includeJobs) &&
      !(liftedBy === "--include-exempt" && options.includeExempt),
  );
  if (areSome(standing)) return { verdict: "exempt", reasons: standing };
  if (unforced.verdict === "reap") return unforced;
  const forced: Reason = { code: "forced", text: `forced, otherwise ${unforced.verdict}` };
  return { verdict: "reap", reasons: [forced, ...unforced.reasons] };
}
