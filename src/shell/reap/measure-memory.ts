/** Weighs trees right before they end: what they give back is known only while they live. */

import type { Fault } from "../../core/observation/fault.ts";
import { weightsOf } from "../../core/reap/freed-memory.ts";
import type { Judgement } from "../../core/verdict/judge.ts";
import type { Native } from "../host/native.ts";

/** Milliseconds for one process and for all: a number for the ledger delays no end for long. */
const ONE_MS = 500;
const ALL_MS = 3000;

export interface Weighed {
  /** Proportional set size in KiB by `keyOf`, of the processes that could be weighed. */
  readonly weights: ReadonlyMap<string, number>;
  readonly faults: readonly Fault[];
}

export async function weigh(native: Native, procRoot: string, plan: readonly Judgement[]): Promise<Weighed> {
  const processes = plan.flatMap(({ tree }) => tree.members);
  try {
    const { results, faults } = await native.pss({
      procRoot,
      processes,
      timeoutMs: ONE_MS,
      budgetMs: ALL_MS,
    });
    return { weights: weightsOf(results), faults };
  } catch (error) {
    return { weights: new Map(), faults: [{ what: "weigh the trees", detail: (error as Error).message }] };
  }
}
