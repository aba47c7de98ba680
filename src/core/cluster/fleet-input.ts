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
  const input = new FleetInput(file, judgeSaved);
  for (const line of text.split("\n")) input.add(line);
  return input.end();
}

/** The same, line by line: 500 hosts' documents are 150 MB, and only what the table needs is kept of each. */
export class FleetInput {
  private readonly file: string;
  private readonly judgeSaved: (observation: Observation) => HostDocument;
  private readonly reports: HostReport[] = [];
  private readonly faults: Fault[] = [];
  private lines = 0;
  /** The first line that is a document by itself, until it is known whether the file holds another one. */
  private first: string | null = null;
  private pieces = 0;
  /** The host that the heading above names. */
  private above: string | null = null;
  /** Null: each line is a document. Else the lines of what may be one document over many. */
  private held: string[] | null = [];

  constructor(file: string, judgeSaved: (observation: Observation) => HostDocument) {
    this.file = file;
    this.judgeSaved = judgeSaved;
  }

  /** Adds a line, without its end. */
  add(raw: string): void {
    const line = raw.trim();
    if (this.held === null) {
      if (line !== "") this.readFirst();
      this.addLine(line);
    } else if (this.held.length === 0 && line === "") this.lines++;
    else if (this.held.length === 0 && beginsLines(line)) {
      this.held = null;
      if (isHeading(line)) this.addLine(line);
      else {
        this.lines++;
        this.first = line;
      }
    } else this.held.push(raw);
  }

  /** Ends the file and returns what it held. */
  end(): FleetFile {
    if (this.first !== null) this.read({ place: this.file, from: null, json: this.first });
    const held = this.held ?? [];
    this.held = null;
    const whole = held.join("\n");
    if (held.length > 0 && isJson(whole)) this.read({ place: this.file, from: null, json: whole });
    else for (const line of held) this.addLine(line.trim());
    if (this.pieces === 0) this.faults.push({ what: `use ${this.file}`, detail: "it is empty" });
    return { reports: this.reports, faults: this.faults };
  }

  private readFirst(): void {
    if (this.first !== null) this.read({ place: `${this.file}:${this.lines}`, from: null, json: this.first });
    this.first = null;
  }

  private addLine(line: string): void {
    this.lines++;
    if (line === "") return;
    const place = `${this.file}:${this.lines}`;
    const heading = ANSIBLE.exec(line);
    const prefixed = PREFIX.exec(line);
    if (heading) this.above = heading[1] ?? null;
    else if (prefixed) this.read({ place, from: prefixed[1] ?? null, json: prefixed[2] ?? "" });
    else {
      this.read({ place, from: this.above, json: line });
      this.above = null;
    }
  }

  private read({ place, from, json }: Piece): void {
    this.pieces++;
    const read = readPiece(place, from, json, this.judgeSaved);
    if ("error" in read)
      this.faults.push({ what: `use ${place}${from ? ` (${from})` : ""}`, detail: read.error });
    else this.reports.push(read);
  }
}

interface Piece {
  readonly place: string;
  /** The host that the tool which collected it names; null: none. */
  readonly from: string | null;
  readonly json: string;
}

const PREFIX = /^([A-Za-z0-9][\w.-]{0,252}): (.*)$/s;
const ANSIBLE = /^([A-Za-z0-9][\w.-]{0,252}) \| [A-Z]+!? \| rc=\d+ >>$/;

/** Whether a first line stands for itself. A document over many lines begins with a brace alone. */
const beginsLines = (line: string): boolean => isHeading(line) || (line.endsWith("}") && isJson(line));

const isHeading = (line: string): boolean => PREFIX.test(line) || ANSIBLE.test(line);

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
  if ("error" in parsed)
    return { error: parsed.reason === "syntax" ? `is torn or not JSON: ${parsed.error}` : parsed.error };
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
