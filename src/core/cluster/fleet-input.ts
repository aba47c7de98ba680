/** What many hosts wrote, read back: documents and snapshots, in one file or in many. Each may be of anybody's making. */

import * as v from "valibot";
import type { Fault } from "../observation/fault.ts";
import type { Observation } from "../observation/observation.ts";
import { parseSaved } from "../observation/snapshot-file.ts";
import type { HostDocument } from "../report/json.ts";
import { isHostName } from "../text/safe-text.ts";
import type { Verdict } from "../verdict/judge.ts";

export const VERDICTS = ["spare", "wait", "reap", "exempt", "unknown"] as const satisfies readonly Verdict[];

/** One host's word, and where it stands. */
export interface HostReport {
  /** "lists.txt:3" */
  readonly place: string;
  readonly host: string;
  readonly takenAt: number;
  readonly trees: readonly FleetTree[];
  readonly errors: readonly Fault[];
}

export interface FleetTree {
  readonly uid: number;
  readonly verdict: Verdict;
  readonly memoryKiB: number;
}

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const document = v.object({
  schemaVersion: v.literal(1),
  host: v.string(),
  takenAt: whole,
  trees: v.pipe(
    v.array(
      v.object({
        uid: v.pipe(whole, v.maxValue(0xffff_ffff)),
        verdict: v.picklist(VERDICTS),
        // A petabyte: sums of what a file may hold stay exact.
        memoryKiB: v.pipe(v.number(), v.minValue(0), v.maxValue(2 ** 40)),
      }),
    ),
    v.maxLength(100_000),
  ),
  errors: v.pipe(
    v.array(v.object({ what: v.string(), pid: v.optional(whole), detail: v.string() })),
    v.maxLength(100_000),
  ),
});

export interface Parsed {
  readonly reports: readonly HostReport[];
  readonly faults: readonly Fault[];
}

/**
 * The documents of one file: one for the whole of it, or one a line, where clush and pdsh may have put `host: ` and
 * ansible `host | CHANGED | rc=0 >>` above. `judgeSaved` judges a snapshot with the policy of here.
 */
export function parseFleet(
  file: string,
  text: string,
  judgeSaved: (observation: Observation) => HostDocument,
): Parsed {
  const reports: HostReport[] = [];
  const faults: Fault[] = [];
  const pieces = piecesOf(file, text);
  for (const { place, from, json } of pieces) {
    const read = readPiece(place, from, json, judgeSaved);
    if ("error" in read) faults.push({ what: `use ${place}${from ? ` (${from})` : ""}`, detail: read.error });
    else reports.push(read);
  }
  if (pieces.length === 0) faults.push({ what: `use ${file}`, detail: "it is empty" });
  return { reports, faults };
}

interface Piece {
  readonly place: string;
  /** The host that the tool which collected it names; null: none. */
  readonly from: string | null;
  readonly json: string;
}

const PREFIX = /^([A-Za-z0-9][\w.-]{0,252}): (.*)$/s;
const ANSIBLE = /^([A-Za-z0-9][\w.-]{0,252}) \| [A-Z]+!? \| rc=\d+ >>$/;

function piecesOf(file: string, text: string): Piece[] {
  if (isJson(text)) return [{ place: file, from: null, json: text }];
  const pieces: Piece[] = [];
  let above: string | null = null;
  for (const [i, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "") continue;
    const place = `${file}:${i + 1}`;
    const heading = ANSIBLE.exec(line);
    const prefixed = PREFIX.exec(line);
    if (heading) above = heading[1] ?? null;
    else if (prefixed) pieces.push({ place, from: prefixed[1] ?? null, json: prefixed[2] ?? "" });
    else {
      pieces.push({ place, from: above, json: line });
      above = null;
    }
  }
  return pieces;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function readPiece(
  place: string,
  from: string | null,
  json: string,
  judgeSaved: (observation: Observation) => HostDocument,
): HostReport | { error: string } {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return { error: `is torn, or no JSON: ${(error as Error).message}` };
  }
  const saved = typeof value === "object" && value !== null && "processes" in value;
  const judged = saved ? judgeSnapshot(json, judgeSaved) : { value };
  if ("error" in judged) return judged;
  const checked = v.safeParse(document, judged.value);
  if (!checked.success) {
    const issue = checked.issues[0];
    const field = v.getDotPath(issue) ?? "the whole";
    return { error: `is neither of list --json nor of snapshot: ${field}: ${issue.message}` };
  }
  const { host, takenAt, trees, errors } = checked.output;
  if (!isHostName(host)) return { error: "names no valid host" };
  // Guard: the tool knows whom it asked; what came back may say anything.
  if (from !== null && shortName(from) !== shortName(host))
    return {
      error: `came from ${from} and speaks for ${host}; ask it by its own name, or without prefixes (clush -N, pdsh -N)`,
    };
  return { place, host, takenAt, trees, errors: errors as Fault[] };
}

function judgeSnapshot(
  json: string,
  judgeSaved: (observation: Observation) => HostDocument,
): { value: unknown } | { error: string } {
  const saved = parseSaved(json);
  if ("error" in saved) return saved;
  try {
    return { value: judgeSaved(saved.observation) };
  } catch (error) {
    return { error: `cannot be judged: ${(error as Error).message}` };
  }
}

const shortName = (host: string): string => (host.split(".")[0] ?? "").toLowerCase();
