/** Reads what many hosts wrote: documents of `list --json` and snapshots, in one file or several. Any of it may be forged. */

import * as v from "valibot";
import type { Fault } from "../observation/fault.ts";
import type { Observation } from "../observation/observation.ts";
import { parseSaved } from "../observation/snapshot-file.ts";
import type { HostDocument } from "../report/json.ts";
import { checkJson, parseJson, wholeNumber } from "../text/parse-json.ts";
import { isHostName } from "../text/safe-text.ts";
import type { Verdict } from "../verdict/judge.ts";
import { VERDICTS } from "../verdict/verdicts.ts";

/** One host's document, and where it was found. */
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

const document = v.object({
  schemaVersion: v.literal(1),
  host: v.string(),
  takenAt: wholeNumber,
  trees: v.pipe(
    v.array(
      v.object({
        uid: v.pipe(wholeNumber, v.maxValue(0xffff_ffff)),
        verdict: v.picklist(VERDICTS),
        // At most a petabyte, so that sums stay exact.
        memoryKiB: v.pipe(v.number(), v.minValue(0), v.maxValue(2 ** 40)),
      }),
    ),
    v.maxLength(100_000),
  ),
  errors: v.pipe(
    v.array(v.object({ what: v.string(), pid: v.optional(wholeNumber), detail: v.string() })),
    v.maxLength(100_000),
  ),
});

/** The documents of one file, and what could not be used. */
export interface FleetFile {
  readonly reports: readonly HostReport[];
  readonly faults: readonly Fault[];
}

/**
 * Reads the documents of one file: a single one, or one per line. clush and pdsh put `host: ` in front of a line, ansible
 * puts `host | CHANGED | rc=0 >>` above it. `judgeSaved` judges a snapshot with the policy of this host.
 */
export function parseFleet(
  file: string,
  text: string,
  judgeSaved: (observation: Observation) => HostDocument,
): FleetFile {
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
  const parsed = parseJson(v.unknown(), json);
  if ("error" in parsed) return { error: `is torn or not JSON: ${parsed.error}` };
  const { value } = parsed;
  const saved = typeof value === "object" && value !== null && "processes" in value;
  const judged = saved ? judgeSnapshot(json, judgeSaved) : { value };
  if ("error" in judged) return judged;
  const checked = checkJson(document, judged.value);
  if ("error" in checked) return { error: `is not from list --json or snapshot: ${checked.error}` };
  const { host, takenAt, trees, errors } = checked.value;
  if (!isHostName(host)) return { error: "does not name a valid host" };
  // Guard: the tool knows which host it asked; the document itself may claim any host.
  if (from !== null && shortName(from) !== shortName(host))
    return {
      error: `came from ${from} but names the host ${host}; ask it by its own name, or without prefixes (clush -N, pdsh -N)`,
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
