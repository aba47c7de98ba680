import type { Fault } from "../observation/fault.ts";
import { formatDuration } from "../text/duration.ts";
import type { Verdict } from "../verdict/judge.ts";
import { VERDICTS } from "../verdict/verdicts.ts";
import type { FleetFile, FleetTree, HostReport } from "./fleet-input.ts";

/** Merges what many hosts reported into one view. */

/** A time further ahead than this means that one of the two clocks is wrong. */
const MAX_AHEAD_MS = 300_000;

type Counts = Readonly<Record<Verdict, number>>;

export interface FleetHost {
  readonly host: string;
  readonly takenAt: number;
  readonly trees: number;
  readonly verdicts: Counts;
  readonly memoryKiB: number;
  /** Memory of the trees whose verdict is wait or reap. */
  readonly orphanedKiB: number;
}

/** A user with trees on more than one host; the hosts of each kind, by name. */
export interface FleetUser {
  readonly uid: number;
  readonly trees: number;
  readonly memoryKiB: number;
  readonly attached: readonly string[];
  readonly orphaned: readonly string[];
  /** Hosts with an exempt or unknown tree. */
  readonly other: readonly string[];
}

export interface Fleet {
  readonly schemaVersion: 1;
  readonly hosts: readonly FleetHost[];
  readonly users: readonly FleetUser[];
  readonly totals: Omit<FleetHost, "host" | "takenAt"> & { readonly hosts: number };
  /** Which document counted for each host that appeared twice. */
  readonly notes: readonly string[];
  readonly errors: readonly Fault[];
}

/** Merges documents. Older ones than `maxAge`, and ones from the future, are faults. Times are in milliseconds. */
export function mergeFleet(parsed: readonly FleetFile[], now: number, maxAge: number): Fleet {
  const notes: string[] = [];
  const errors = parsed.flatMap(({ faults }) => faults);
  const newest = new Map<string, HostReport>();
  for (const report of parsed.flatMap(({ reports }) => reports)) {
    const why = whyNotCurrent(report, now, maxAge);
    if (why !== null) {
      errors.push({ what: `use ${report.place} (${report.host})`, detail: why });
      continue;
    }
    const before = newest.get(report.host);
    if (before) {
      const [used, left] = report.takenAt >= before.takenAt ? [report, before] : [before, report];
      const by = formatDuration(used.takenAt - left.takenAt);
      notes.push(`${report.host} appears twice: ${used.place} counts, ${left.place} is ${by} older`);
      newest.set(report.host, used);
    } else newest.set(report.host, report);
  }
  const reports = [...newest.values()].sort((a, b) => (a.host < b.host ? -1 : 1));
  // A fault of one process concerns that host alone; a fault of the whole host leaves a gap in this view as well.
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

function whyNotCurrent({ takenAt }: HostReport, now: number, maxAge: number): string | null {
  if (takenAt - now > MAX_AHEAD_MS)
    return `was taken ${formatDuration(takenAt - now)} ahead of this host's clock`;
  return now - takenAt > maxAge
    ? `was taken ${formatDuration(now - takenAt)} ago, longer than ${formatDuration(maxAge)}`
    : null;
}

const isOrphan = (verdict: Verdict): boolean => verdict === "wait" || verdict === "reap";

function sumsOf(trees: readonly FleetTree[]): Omit<FleetHost, "host" | "takenAt"> {
  const verdicts = { reap: 0, wait: 0, spare: 0, exempt: 0, unknown: 0 };
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
      const places = byUser.get(tree.uid) ?? [];
      places.push({ host, tree });
      byUser.set(tree.uid, places);
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

/** The heads of the columns that countCells fills. */
export const HOST_HEAD = ["HOST", "TREES", ...VERDICTS.map((verdict) => verdict.toUpperCase())];

/** Makes the cells below HOST_HEAD. */
export function countCells(
  name: string,
  { trees, verdicts }: Pick<FleetHost, "trees" | "verdicts">,
): string[] {
  return [name, String(trees), ...VERDICTS.map((verdict) => String(verdicts[verdict]))];
}
