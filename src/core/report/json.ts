import { type TreeCosts, treeCosts } from "../costs/costs.ts";
import type { Fact } from "../evidence/evidence.ts";
import type { Fault } from "../observation/fault.ts";
import { ageOf, type Observation } from "../observation/observation.ts";
import type { ProcId } from "../observation/process.ts";
import { freedKiBOf } from "../reap/freed-memory.ts";
import type { Outcome } from "../reap/outcome.ts";
import type { Kind } from "../recognition/kinds.ts";
import type { Judgement } from "../verdict/judge.ts";

/** Makes the JSON of `list`, `sweep`, `replay` and `explain`: schemaVersion 1. */

/** What became of a tree, or in a dry run what would. */
export type OutcomeDocument =
  | { readonly wouldKill: number; readonly spared?: string }
  | {
      readonly killed: number;
      readonly survivors: readonly number[];
      readonly spared?: string;
      readonly freedKiB: number;
    };

/** One tree. */
export interface TreeDocument {
  readonly root: ProcId;
  readonly uid: number;
  readonly product: string;
  /** What it is for the verdict: "server", "agent", "kernel", "tunnel" or "web-server". */
  readonly kind: Kind;
  readonly verdict: string;
  readonly tagged: boolean;
  readonly closedAt: string | null;
  readonly remoteHost: string | null;
  readonly ageSeconds: number;
  readonly graceSeconds: number;
  readonly memoryKiB: number;
  readonly pids: readonly number[];
  readonly sparedBelow: readonly { readonly pid: number; readonly why: string }[];
  readonly costs: TreeCosts;
  readonly evidence: readonly Fact[];
  /** One of docs/reasons.md. */
  readonly reasonCode: string;
  readonly reasons: readonly string[];
  readonly outcome?: OutcomeDocument;
}

/** Adds up the resident memory of a tree in KiB; pages that its processes share count once per process. */
export function memoryOf({ tree }: Judgement): number {
  return tree.members.reduce((sum, member) => sum + member.rssKiB, 0);
}

/** Makes the document of one tree. */
export function treeDocument(
  judgement: Judgement,
  observation: Observation,
  outcome?: OutcomeDocument,
): TreeDocument {
  const { tree, tag } = judgement;
  return {
    root: { pid: tree.root.pid, startTime: tree.root.startTime },
    uid: tree.uid,
    product: tree.product,
    kind: tree.kind,
    verdict: judgement.verdict,
    tagged: tag !== null,
    closedAt: tag ? new Date(tag.closedAt).toISOString() : null,
    remoteHost: tag?.remoteHost ?? null,
    ageSeconds: Math.floor(ageOf(tree.root, observation) / 1000),
    graceSeconds: judgement.grace / 1000,
    memoryKiB: memoryOf(judgement),
    pids: tree.members.map((member) => member.pid),
    sparedBelow: tree.sparedBelow.map(({ process, why }) => ({ pid: process.pid, why })),
    costs: treeCosts(tree, observation.ticksPerSecond),
    evidence: judgement.facts,
    reasonCode: judgement.reasonCode,
    reasons: judgement.reasons,
    ...(outcome && { outcome }),
  };
}

/** Makes the document of an outcome. A dry run kills nothing, so it says `wouldKill`. */
export function outcomeDocument(outcome: Outcome, dryRun: boolean): OutcomeDocument {
  const { killed, survivors, spared } = outcome;
  const why = spared === null ? {} : { spared };
  if (dryRun) return { wouldKill: killed.length, ...why };
  return {
    killed: killed.length,
    survivors: survivors.map(({ pid }) => pid),
    ...why,
    freedKiB: freedKiBOf(killed),
  };
}

/** One host. */
export interface HostDocument {
  readonly schemaVersion: 1;
  readonly host: string;
  /** True if nothing was to be changed: a dry run, a site that only observes, `list` and `replay`. */
  readonly dryRun: boolean;
  readonly trees: readonly TreeDocument[];
  readonly errors: readonly Fault[];
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
}

/** Makes the document of one host. */
export function hostDocument(
  observation: Observation,
  judgements: readonly Judgement[],
  errors: readonly Fault[],
  outcomes: readonly Outcome[] = [],
  dryRun = true,
): HostDocument {
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
    takenAt: observation.takenAt,
  };
}
