/** The ledger: one record for each tree that was ended, one line of JSON each. */

import * as v from "valibot";
import { ageOf, type Observation } from "../observation/observation.ts";
import { freedBy } from "../reap/freed-memory.ts";
import type { Outcome } from "../reap/outcome.ts";
import { escapeText, safeJson } from "../text/safe-text.ts";
import { programsInTerminals } from "../tree/terminal-programs.ts";

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const record = v.object({
  schemaVersion: v.literal(1),
  /** Orders all records of a host, also when its clock was set back: milliseconds, number, boot. */
  id: v.pipe(v.string(), v.regex(/^\d{13}-\d{4}-[0-9a-z]{1,8}$/)),
  time: v.string(),
  epochMs: whole,
  host: v.string(),
  bootId: v.string(),
  uid: whole,
  user: v.string(),
  product: v.string(),
  root: v.object({ pid: whole, startTime: whole }),
  killed: whole,
  survivors: whole,
  /** Why: its session closed, it was an orphan of age without a tag, or only --force ended it. */
  kind: v.picklist(["closed", "aged", "forced"]),
  reasons: v.array(v.string()),
  forced: v.boolean(),
  tagged: v.boolean(),
  closedAt: v.nullable(v.string()),
  remoteHost: v.nullable(v.string()),
  orphanedForSeconds: v.nullable(whole),
  ageSeconds: whole,
  /** Resident memory of the killed processes; `pss` and `mixed` are proportional sizes of earlier versions. */
  freedKiB: whole,
  freedBy: v.picklist(["pss", "rss", "mixed"]),
  /** Names of the programs that ran in its terminals. */
  terminals: v.array(v.string()),
});

export type LedgerRecord = v.InferOutput<typeof record>;

const MAX_REASONS = 8;
const MAX_REASON = 300;

/** When a sweep writes its records. */
export interface Moment {
  readonly epochMs: number;
  /** The newest id in the ledger, null: it is empty. */
  readonly lastId: string | null;
  readonly userOf: (uid: number) => string;
}

/** Records of the trees that were ended or that withstood it; one that was spared or gone has none. */
export function recordsOf(
  outcomes: readonly Outcome[],
  observation: Observation,
  moment: Moment,
): LedgerRecord[] {
  const ended = outcomes.filter(
    ({ killed, survivors, spared }) => spared === null && killed.length + survivors.length > 0,
  );
  const ids = nextIds(moment, observation.bootId, ended.length);
  return ended.map((outcome, i) => recordOf(outcome, observation, ids[i] ?? "", moment));
}

function recordOf(outcome: Outcome, observation: Observation, id: string, moment: Moment): LedgerRecord {
  const { judgement, killed, survivors } = outcome;
  const { tree, tag, orphanedFor } = judgement;
  const forced = judgement.unforced !== "reap";
  const freed = outcome.freed ?? freedBy(killed);
  return {
    schemaVersion: 1,
    id,
    time: new Date(moment.epochMs).toISOString(),
    epochMs: moment.epochMs,
    host: observation.host,
    bootId: observation.bootId,
    uid: tree.uid,
    user: moment.userOf(tree.uid),
    product: tree.product,
    root: { pid: tree.root.pid, startTime: tree.root.startTime },
    killed: killed.length,
    survivors: survivors.length,
    kind: forced ? "forced" : tag ? "closed" : "aged",
    // Guard: reasons hold paths and addresses that users choose, so a line has a bound.
    reasons: judgement.reasons.slice(0, MAX_REASONS).map((reason) => escapeText(reason).slice(0, MAX_REASON)),
    forced,
    tagged: tag !== null,
    closedAt: tag ? new Date(tag.closedAt).toISOString() : null,
    remoteHost: tag?.remoteHost ?? null,
    orphanedForSeconds: orphanedFor === null ? null : Math.max(0, Math.floor(orphanedFor / 1000)),
    ageSeconds: Math.floor(ageOf(tree.root, observation) / 1000),
    freedKiB: freed.kib,
    freedBy: freed.by,
    terminals: programsInTerminals(judgement.tree),
  };
}

/** After the newest id, whatever the clock says: two sweeps in one millisecond, a clock that was set back. */
function nextIds({ epochMs, lastId }: Moment, bootId: string, count: number): string[] {
  const [lastMs = 0, lastNumber = 0] = (lastId ?? "").split("-").map(Number);
  const ms = Math.max(epochMs, lastMs);
  const first = ms === lastMs ? lastNumber + 1 : 0;
  const boot = bootId.replace(/[^0-9a-z]/g, "").slice(0, 8) || "0";
  return Array.from({ length: count }, (_, i) => {
    const number = first + i;
    // Ten thousand in one millisecond carry into the next.
    const time = String(ms + Math.floor(number / 10_000)).padStart(13, "0");
    return `${time}-${String(number % 10_000).padStart(4, "0")}-${boot}`;
  });
}

/** One line, ended. */
export function recordLine(one: LedgerRecord): string {
  return `${safeJson(one)}\n`;
}

/** The record in a line, or null: torn, foreign, of another version. */
export function parseRecord(line: string): LedgerRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const checked = v.safeParse(record, value);
  return checked.success ? checked.output : null;
}

/** All records of a ledger's text, and how many lines hold none. */
export function parseLedger(text: string): { records: LedgerRecord[]; badLines: number } {
  const lines = text.split("\n").filter((line) => line !== "");
  const records = lines.map(parseRecord).filter((one) => one !== null);
  return { records, badLines: lines.length - records.length };
}

/** The newest record in the last bytes of a ledger, whose first line may be cut. */
export function lastIdIn(tail: string): string | null {
  const ids = parseLedger(tail).records.map(({ id }) => id);
  return ids.reduce<string | null>((newest, id) => (newest === null || id > newest ? id : newest), null);
}
