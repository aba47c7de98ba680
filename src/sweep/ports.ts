/** What a sweep is given, and what it returns. */

import type { Fault } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { SweepSummary } from "../core/report/sweep-summary.ts";
import type { HostView } from "../core/tree/host-view.ts";
import type { JudgeContext, Judgement } from "../core/verdict/judge.ts";
import type { Native } from "../shell/host/native.ts";
import type { Log } from "../shell/output/log.ts";

/** What concrete things a sweep works with. */
export interface Ports {
  readonly native: Native;
  readonly log: Log;
  readonly runFolder: string;
  /** Waits for this many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  /** Aborted when the sweep is asked to end. It then ends no further tree, and records what it did. */
  readonly stop: AbortSignal;
  /** Makes sure that no other sweep sends signals until this program ends. @throws where that takes too long */
  readonly holdSignals: () => Promise<void>;
  /** Whether ledger, notices, metrics and the record of the last sweep are kept: not of a user's sweep of their own trees. */
  readonly keepsAccount: boolean;
}

export interface SweepRequest {
  /** Accounts are looked up once the trees are known. */
  readonly context: Omit<JudgeContext, "accounts">;
  /** Say what would be done and change nothing. */
  readonly dryRun: boolean;
  /** Look at these users only; null: at all. */
  readonly uids: readonly number[] | null;
  /** Milliseconds between the look that found something to end and the one right before the first signal. */
  readonly settle: number;
}

export interface Look {
  readonly view: HostView;
  readonly observation: Observation;
  readonly judgements: readonly Judgement[];
  readonly faults: readonly Fault[];
}

export interface SweepResult extends Look, SweepSummary {
  readonly observation: Observation;
  /** True if a fault is of the whole host or a user exceeded a budget, or a process survived that no earlier sweep reported. */
  readonly failed: boolean;
}
