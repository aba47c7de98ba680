import type { Costs, TreeCosts, UserCosts } from "../costs/costs.ts";
import type { Fact } from "../evidence/evidence.ts";
import type { Fault } from "../observation/fault.ts";
import { ageOf, type Observation } from "../observation/observation.ts";
import type { ProcId } from "../observation/process.ts";
import type { Freed } from "../reap/freed-memory.ts";
import type { Outcome } from "../reap/outcome.ts";
import type { Judgement } from "../verdict/judge.ts";

/** The JSON of `list`, `sweep`, `replay` and `explain`: schemaVersion 1. */

export interface TreeDocument {
  readonly root: ProcId;
  readonly uid: number;
  readonly product: string;
  readonly verdict: string;
  readonly tagged: boolean;
  readonly closedAt: string | null;
  readonly remoteHost: string | null;
  readonly ageSeconds: number;
  readonly graceSeconds: number;
  readonly memoryKiB: number;
  readonly pids: readonly number[];
  readonly sparedBelow: readonly { readonly pid: number; readonly why: string }[];
  /** Absent: not measured, as of a saved observation. */
  readonly costs?: TreeCosts;
  readonly evidence: readonly Fact[];
  readonly reasons: readonly string[];
  readonly outcome?: {
    readonly killed: number;
    readonly survivors: readonly number[];
    readonly spared?: string;
    readonly freed?: Freed;
  };
}

/** Resident memory of a tree, in KiB, as the sum over its processes (shared pages count in each). */
export function memoryOf({ tree }: Judgement): number {
  return tree.members.reduce((sum, member) => sum + member.rssKiB, 0);
}

export function treeDocument(
  judgement: Judgement,
  observation: Observation,
  outcome?: Outcome,
  costs: TreeCosts | undefined = outcome?.costs,
): TreeDocument {
  const { tree, tag } = judgement;
  return {
    root: { pid: tree.root.pid, startTime: tree.root.startTime },
    uid: tree.uid,
    product: tree.product,
    verdict: judgement.verdict,
    tagged: tag !== null,
    closedAt: tag ? new Date(tag.closedAt).toISOString() : null,
    remoteHost: tag?.remoteHost ?? null,
    ageSeconds: Math.floor(ageOf(tree.root, observation) / 1000),
    graceSeconds: judgement.grace / 1000,
    memoryKiB: memoryOf(judgement),
    pids: tree.members.map((member) => member.pid),
    sparedBelow: tree.sparedBelow.map(({ process, why }) => ({ pid: process.pid, why })),
    ...(costs && { costs }),
    evidence: judgement.facts,
    reasons: judgement.reasons,
    ...(outcome && {
      outcome: {
        killed: outcome.killed.length,
        survivors: outcome.survivors.map(({ pid }) => pid),
        ...(outcome.spared !== null && { spared: outcome.spared }),
        ...(outcome.freed && { freed: outcome.freed }),
      },
    }),
  };
}

export interface HostDocument {
  readonly schemaVersion: 1;
  readonly host: string;
  readonly trees: readonly TreeDocument[];
  /** The users of the trees; absent: not measured. */
  readonly users?: readonly UserCosts[];
  readonly errors: readonly Fault[];
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
}

export function hostDocument(
  observation: Observation,
  judgements: readonly Judgement[],
  errors: readonly Fault[],
  outcomes: readonly Outcome[] = [],
  costs: Costs | null = null,
): HostDocument {
  const outcomeOf = new Map(outcomes.map((outcome) => [outcome.judgement.tree.root.pid, outcome]));
  return {
    schemaVersion: 1,
    host: observation.host,
    trees: judgements.map((judgement, i) => {
      const outcome = outcomeOf.get(judgement.tree.root.pid);
      return treeDocument(judgement, observation, outcome, costs?.trees[i] ?? outcome?.costs);
    }),
    ...(costs && { users: costs.users }),
    errors,
    takenAt: observation.takenAt,
  };
}
