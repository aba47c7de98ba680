/** The ledger: one record per ended tree, one line of JSON per record. */

import * as v from "valibot";
import { treeCosts } from "../costs/costs.ts";
import { ageOf, type Observation } from "../observation/observation.ts";
import { freedKiBOf } from "../reap/freed-memory.ts";
import type { Outcome } from "../reap/outcome.ts";
import { parseJson, wholeNumber } from "../text/parse-json.ts";
import { escapeText, safeJson } from "../text/safe-text.ts";
import { programsInTerminals } from "../tree/terminal-programs.ts";

const record = v.object({
  schemaVersion: v.literal(1),
  /** Orders all records of a host even if its clock was set back: milliseconds, number, boot. */
  id: v.pipe(v.string(), v.regex(/^\d{13}-\d{4}-[0-9a-z]{1,8}$/)),
  time: v.string(),
  epochMs: wholeNumber,
  host: v.string(),
  bootId: v.string(),
  uid: wholeNumber,
  user: v.string(),
  product: v.string(),
  root: v.object({ pid: wholeNumber, startTime: wholeNumber }),
  killed: wholeNumber,
  survivors: wholeNumber,
  /** Why the tree was ended: its session closed, two sweeps found it unused without one, or --force ended it. */
  kind: v.picklist(["closed", "aged", "forced"]),
  /** One of docs/reasons.md. */
  reasonCode: v.string(),
  reasons: v.array(v.string()),
  forced: v.boolean(),
  tagged: v.boolean(),
  closedAt: v.nullable(v.string()),
  remoteHost: v.nullable(v.string()),
  unusedForSeconds: v.nullable(wholeNumber),
  ageSeconds: wholeNumber,
  /** Resident memory of the killed processes. */
  freedKiB: wholeNumber,
  cpuSeconds: v.nullable(wholeNumber),
  /** The names of the programs that ran in its terminals. */
  terminals: v.array(v.string()),
});

export type LedgerRecord = v.InferOutput<typeof record>;

const MAX_REASONS = 8;
const MAX_REASON = 300;

/** What the records of one sweep share. */
export interface RecordStamp {
  readonly epochMs: number;
  /** The newest id in the ledger; null if the ledger is empty. */
  readonly lastId: string | null;
  readonly userOf: (uid: number) => string;
}

/** Makes the records of the trees that a sweep ended or failed to end. Trees that it spared get none. */
export function recordsOf(
  outcomes: readonly Outcome[],
  observation: Observation,
  stamp: RecordStamp,
): LedgerRecord[] {
  const ended = outcomes.filter(
    ({ killed, survivors, spared }) => spared === null && killed.length + survivors.length > 0,
  );
  const ids = nextIds(stamp, observation.bootId, ended.length);
  return ended.map((outcome, i) => recordOf(outcome, observation, ids[i] ?? "", stamp));
}

function recordOf(outcome: Outcome, observation: Observation, id: string, stamp: RecordStamp): LedgerRecord {
  const { judgement, killed, survivors } = outcome;
  const { tree, tag, unusedFor } = judgement;
  const forced = judgement.unforced !== "reap";
  return {
    schemaVersion: 1,
    id,
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
    kind: forced ? "forced" : tag ? "closed" : "aged",
    reasonCode: judgement.reasonCode,
    // Guard: reasons contain paths and addresses that users choose, so their length is bounded.
    reasons: judgement.reasons.slice(0, MAX_REASONS).map((reason) => escapeText(reason).slice(0, MAX_REASON)),
    forced,
    tagged: tag !== null,
    closedAt: tag ? new Date(tag.closedAt).toISOString() : null,
    remoteHost: tag?.remoteHost ?? null,
    unusedForSeconds: forced ? null : Math.floor(unusedFor / 1000),
    ageSeconds: Math.floor(ageOf(tree.root, observation) / 1000),
    freedKiB: freedKiBOf(killed),
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

/** Reads all records of a ledger's text; counts the lines that are not records, and those of a newer version. */
export function parseLedger(text: string): { records: LedgerRecord[]; badLines: number; newerLines: number } {
  const records: LedgerRecord[] = [];
  let badLines = 0;
  let newerLines = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const parsed = parseJson(record, line);
    if ("value" in parsed) records.push(parsed.value);
    else if (parsed.reason === "newer") newerLines++;
    else badLines++;
  }
  return { records, badLines, newerLines };
}

/** Finds the newest id in the last bytes of a ledger, whose first line may be cut. */
export function lastIdIn(tail: string): string | null {
  const ids = parseLedger(tail).records.map(({ id }) => id);
  return ids.reduce<string | null>((newest, id) => (newest === null || id > newest ? id : newest), null);
}
