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
  /** The newest id in the ledger; null if the ledger is empty. */
  readonly lastId: string | null;
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
  const ended = endedOnly(outcomes);
  const ids = nextIds(stamp, observation.bootId, ended.length);
  return ended.map((outcome, i) => recordOf(outcome, observation, ids[i] ?? "", stamp));
}

function recordOf(outcome: Outcome, observation: Observation, id: string, stamp: RecordStamp): LedgerRecord {
  const { judgement, killed, survivors } = outcome;
  const { tree, clock } = judgement;
  const forced = judgement.unforced !== "reap";
  return {
    schemaVersion: 1,
    id,
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

/** Makes ids that sort after the newest one, even for two sweeps in one millisecond or after the clock was set back. */
function nextIds({ epochMs, lastId }: RecordStamp, bootId: string, count: number): string[] {
  const [lastMs = 0, lastNumber = 0] = (lastId ?? "").split("-").map(Number);
  const ms = Math.max(epochMs, lastMs);
  const first = ms === lastMs ? lastNumber + 1 : 0;
  const boot = bootId.replace(/[^0-9a-z]/g, "").slice(0, 8) || "0";
  return Array.from({ length: count }, (_, i) => {
    const number = first + i;
    // More than ten thousand ids in one millisecond carry into the next millisecond.
    const time = String(ms + Math.floor(number / 10_000)).padStart(13, "0");
    return `${time}-${String(number % 10_000).padStart(4, "0")}-${boot}`;
  });
}

/** Formats a record as one line with its line end. */
export function recordLine(one: LedgerRecord): string {
  return `${safeJson(one)}\n`;
}

/** The newest id in the last bytes of a ledger, whose first line may be cut. */
export function lastIdIn(tail: string): string | null {
  const ids = [...tail.matchAll(/^\{"schemaVersion":1,"id":"(\d{13}-\d{4}-[0-9a-z]{1,8})"/gm)];
  return (
    ids
      .map(([, id = ""]) => id)
      .sort()
      .at(-1) ?? null
  );
}
