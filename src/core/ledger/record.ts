/** The ledger: one record per tree that a sweep ended, or would have ended, one line of JSON per record. */

import { memoryKiBOf, treeCosts } from "../costs/costs.ts";
import { ageOf, type Observation } from "../observation/observation.ts";
import { endedOnly, type Outcome } from "../reap/outcome.ts";
import { escapeText, safeJson } from "../text/safe-text.ts";
import { programsInTerminals } from "../tree/terminal-programs.ts";
import { closeOf } from "../verdict/clock.ts";
import type { LedgerRecord } from "./schema.ts";

export type { LedgerRecord } from "./schema.ts";

const MAX_REASONS = 8;
const MAX_REASON = 300;

/** What the records of one sweep share. */
export interface RecordStamp {
  readonly epochMs: number;
  readonly userOf: (uid: number) => string;
  /** Whether the sweep only observed. */
  readonly would: boolean;
}

/** Makes the records of the trees that a sweep ended, failed to end or would have ended. Trees that it spared get none. */
export function recordsOf(
  outcomes: readonly Outcome[],
  observation: Observation,
  stamp: RecordStamp,
): LedgerRecord[] {
  return endedOnly(outcomes).map((outcome) => recordOf(outcome, observation, stamp));
}

function recordOf(outcome: Outcome, observation: Observation, stamp: RecordStamp): LedgerRecord {
  const { judgement, killed, survivors } = outcome;
  const { tree, clock } = judgement;
  const forced = judgement.unforced !== "reap";
  return {
    schemaVersion: 1,
    would: stamp.would,
    time: new Date(stamp.epochMs).toISOString(),
    epochMs: stamp.epochMs,
    host: observation.host,
    bootId: observation.bootId,
    uid: tree.uid,
    user: stamp.userOf(tree.uid),
    product: tree.product,
    root: { pid: tree.root.pid, startTime: tree.root.startTime },
    killed: killed.length,
    survivors: survivors.length,
    kind: forced ? "forced" : clock.tag ? "closed" : "aged",
    reasonCode: judgement.reasonCode,
    // Guard: reasons contain paths and addresses that users choose, so their length is bounded.
    reasons: judgement.reasons.slice(0, MAX_REASONS).map((reason) => escapeText(reason).slice(0, MAX_REASON)),
    forced,
    ...closeOf(clock),
    unusedForSeconds: forced ? null : Math.floor((observation.uptime - clock.at) / 1000),
    ageSeconds: Math.floor(ageOf(tree.root, observation) / 1000),
    freedKiB: memoryKiBOf(killed),
    cpuSeconds: treeCosts(tree, observation.ticksPerSecond).cpuSeconds,
    terminals: programsInTerminals(judgement.tree),
  };
}

/** Formats a record as one line with its line end. */
export function recordLine(one: LedgerRecord): string {
  return `${safeJson(one)}\n`;
}
