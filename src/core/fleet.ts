/** Many hosts at one sight: their documents and snapshots, merged. Every file may be of anybody's making. */
import * as v from "valibot";
import { isHostName, MAX_AHEAD_MS } from "./cluster.ts";
import type { HostDocument } from "./document.ts";
import { formatDuration } from "./duration.ts";
import type { Verdict } from "./judge.ts";
import { parseSaved } from "./saved.ts";
import type { Fault, Observation } from "./types.ts";

const VERDICTS = ["spare", "wait", "reap", "exempt", "unknown"] as const satisfies readonly Verdict[];
type Counts = Readonly<Record<Verdict, number>>;

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

export interface FleetHost {
  readonly host: string;
  readonly takenAt: number;
  readonly trees: number;
  readonly verdicts: Counts;
  readonly memoryKiB: number;
  /** Of trees whose verdict is wait or reap. */
  readonly orphanedKiB: number;
}

/** A user with trees on more than one host; the hosts of each kind, by name. */
export interface FleetUser {
  readonly uid: number;
  readonly trees: number;
  readonly memoryKiB: number;
  readonly attached: readonly string[];
  readonly orphaned: readonly string[];
  /** Exempt or unknown. */
  readonly other: readonly string[];
}

export interface Fleet {
  readonly schemaVersion: 1;
  readonly hosts: readonly FleetHost[];
  readonly users: readonly FleetUser[];
  readonly totals: Omit<FleetHost, "host" | "takenAt"> & { readonly hosts: number };
  /** What was done about a host that came twice. */
  readonly notes: readonly string[];
  readonly errors: readonly Fault[];
}

/** Merges what was parsed. `now` and `maxAge` in milliseconds: what is older, or of the future, is a fault. */
export function mergeFleet(parsed: readonly Parsed[], now: number, maxAge: number): Fleet {
  const notes: string[] = [];
  const errors = parsed.flatMap(({ faults }) => faults);
  const newest = new Map<string, HostReport>();
  for (const report of parsed.flatMap(({ reports }) => reports)) {
    const why = whyNotOfNow(report, now, maxAge);
    if (why !== null) {
      errors.push({ what: `use ${report.place} (${report.host})`, detail: why });
      continue;
    }
    const before = newest.get(report.host);
    if (before) {
      const [used, left] = report.takenAt >= before.takenAt ? [report, before] : [before, report];
      const by = formatDuration(used.takenAt - left.takenAt);
      notes.push(`${report.host} came twice: ${used.place} counts, ${left.place} is ${by} older`);
      newest.set(report.host, used);
    } else newest.set(report.host, report);
  }
  const reports = [...newest.values()].sort((a, b) => (a.host < b.host ? -1 : 1));
  // What one process of a host hid is that host's matter; what it could not see as a whole leaves a gap here, too.
  for (const { host, errors: own } of reports)
    for (const { what, pid, detail } of own)
      if (pid === undefined) errors.push({ what: `${what} on ${host}`, detail });
  const all = reports.flatMap(({ trees }) => trees);
  return {
    schemaVersion: 1,
    hosts: reports.map(({ host, takenAt, trees }) => ({ host, takenAt, ...sumsOf(trees) })),
    users: usersOf(reports),
    totals: { hosts: reports.length, ...sumsOf(all) },
    notes,
    errors,
  };
}

function whyNotOfNow({ takenAt }: HostReport, now: number, maxAge: number): string | null {
  if (takenAt - now > MAX_AHEAD_MS)
    return `was taken ${formatDuration(takenAt - now)} ahead of this host's clock`;
  return now - takenAt > maxAge
    ? `was taken ${formatDuration(now - takenAt)} ago, longer than ${formatDuration(maxAge)}`
    : null;
}

const isOrphan = (verdict: Verdict): boolean => verdict === "wait" || verdict === "reap";

function sumsOf(trees: readonly FleetTree[]): Omit<FleetHost, "host" | "takenAt"> {
  const verdicts = { spare: 0, wait: 0, reap: 0, exempt: 0, unknown: 0 };
  let [memoryKiB, orphanedKiB] = [0, 0];
  for (const { verdict, memoryKiB: kib } of trees) {
    verdicts[verdict]++;
    memoryKiB += kib;
    if (isOrphan(verdict)) orphanedKiB += kib;
  }
  return { trees: trees.length, verdicts, memoryKiB, orphanedKiB };
}

function usersOf(reports: readonly HostReport[]): FleetUser[] {
  const byUser = new Map<number, { host: string; tree: FleetTree }[]>();
  for (const { host, trees } of reports)
    for (const tree of trees) {
      const so = byUser.get(tree.uid) ?? [];
      so.push({ host, tree });
      byUser.set(tree.uid, so);
    }
  return [...byUser]
    .filter(([, places]) => places.some(({ host }) => host !== places[0]?.host))
    .map(([uid, places]) => {
      const hosts = (wanted: (verdict: Verdict) => boolean): string[] => [
        ...new Set(places.filter(({ tree }) => wanted(tree.verdict)).map(({ host }) => host)),
      ];
      return {
        uid,
        trees: places.length,
        memoryKiB: places.reduce((sum, { tree }) => sum + tree.memoryKiB, 0),
        attached: hosts((verdict) => verdict === "spare"),
        orphaned: hosts(isOrphan),
        other: hosts((verdict) => verdict === "exempt" || verdict === "unknown"),
      };
    })
    .sort((a, b) => b.memoryKiB - a.memoryKiB || a.uid - b.uid);
}

export const HOST_HEAD = ["HOST", "TREES", "SPARE", "WAIT", "REAP", "EXEMPT", "UNKNOWN"] as const;

/** The cells below HOST_HEAD. */
export function countCells(
  name: string,
  { trees, verdicts }: Pick<FleetHost, "trees" | "verdicts">,
): string[] {
  return [name, String(trees), ...VERDICTS.map((verdict) => String(verdicts[verdict]))];
}
