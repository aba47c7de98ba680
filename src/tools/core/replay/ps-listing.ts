import type { Observation } from "../../../core/observation/observation.ts";
import type { Proc } from "../../../core/observation/process.ts";
import { type ListedProcess, PsColumns } from "./ps-columns.ts";

/** Rows of this many different texts that end at one column show that a terminal cut them there. */
const CUT_ROWS = 3;

/** A saved process listing as an observation: lines of uid, pid, ppid and args between tabs, `#` for comments. */

export interface ListingError {
  readonly line: number;
  readonly message: string;
}

/**
 * Reads a listing. A pid that stands more than once (one row per thread) counts once; ppid -1 means not shown. Where
 * `ps` cut its rows at the width of a terminal, the longest rows are marked as truncated.
 */
export function parseListing(text: string): { observation: Observation; errors: ListingError[] } {
  const rows = new Map<number, ListedProcess>();
  const errors: ListingError[] = [];
  const columns = new PsColumns();
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const row = columns.read(line);
    if (row === null)
      errors.push({
        line: i + 1,
        message: "is neither uid<TAB>pid<TAB>ppid<TAB>args nor a row below the heading of ps -ef",
      });
    else if (row !== "heading" && !rows.has(row.pid)) rows.set(row.pid, row);
  }
  const width = cutWidthOf([...rows.values()]);
  const processes = [...rows.values()].map((row) => asProcess(row, row.args.length === width));
  return { observation: observationOf(processes), errors };
}

/** The width at which a terminal cut the rows; null: it did not. */
function cutWidthOf(rows: readonly ListedProcess[]): number | null {
  const width = rows.reduce((most, { args }) => Math.max(most, args.length), 0);
  const widest = new Set(rows.flatMap(({ args }) => (args.length === width ? [args] : [])));
  return widest.size >= CUT_ROWS ? width : null;
}

function asProcess({ uid, pid, ppid, args }: ListedProcess, argvTruncated: boolean): Proc {
  const argv = args.split(" ").filter((word) => word !== "");
  const first = (argv[0] ?? "").replace(/^-/, "");
  // A title ("sshd: alice") or a kernel thread ("[kthreadd]") names no executable.
  const exe = /^\[|:$/.test(first) || first === "" ? null : first;
  return {
    pid,
    startTime: 0,
    ppid,
    pgid: 0,
    sid: 0,
    tty: 0,
    state: "S",
    threads: 1,
    rssKiB: 0,
    uids: [uid, uid, uid, uid],
    uid,
    ignoresHangup: null,
    comm: first.split("/").at(-1) ?? "",
    exe,
    argv,
    argvStatus: argv.length > 0 ? "read" : "empty",
    argvTruncated,
    cgroups: [],
    jobVariables: [],
    auditSession: null,
    loginUid: null,
    foreignUserNs: null,
    foreignPidNs: null,
  };
}

function observationOf(processes: readonly Proc[]): Observation {
  const read = processes.length;
  return {
    schemaVersion: 1,
    host: "",
    source: "ps",
    bootId: "",
    takenAt: 0,
    uptime: 0,
    ticksPerSecond: 100,
    observerUid: 0,
    processes,
    counts: { listed: read, read, gone: 0, denied: 0, malformed: 0, timedOut: 0 },
    connections: null,
    tags: [],
    states: [],
    lastSweepAt: null,
    survivors: [],
    keeps: [],
    faults: [],
  };
}
