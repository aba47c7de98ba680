/**
 * A saved process listing as an observation: lines of uid, pid, ppid and args between tabs, `#` for comments; or what
 * `ps -ef` and `ps -eo uid,pid,ppid,args` print with their heading.
 */

import type { Observation } from "../../../core/observation/observation.ts";
import type { Proc } from "../../../core/observation/process.ts";

/** Rows of this many different texts that end at one column show that a terminal cut them there. */
const CUT_ROWS = 3;
/** Names of users become uids from here on, so that trees of different users stay apart. */
const FIRST_NAMED_UID = 100_000;

interface Row {
  readonly uid: number;
  readonly pid: number;
  readonly ppid: number;
  readonly args: string;
}

/** Where the columns of a heading are. The command is the last one and may contain spaces. */
interface Heading {
  readonly user: number;
  readonly pid: number;
  readonly ppid: number;
  readonly count: number;
}

/**
 * Reads a listing. A pid that stands more than once (one row per thread) counts once; ppid -1 means not shown. Where
 * `ps` cut its rows at the width of a terminal, the longest rows are marked as truncated. `errors` holds the
 * numbers of the lines that the parser could not read as rows.
 */
export function parseListing(text: string): { observation: Observation; errors: number[] } {
  const rows = new Map<number, Row>();
  const errors: number[] = [];
  const uids = new Map<string, number>([["root", 0]]);
  let heading: Heading | null = null;
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const found = headingIn(line);
    heading = found ?? heading;
    const row = found ? null : rowIn(line, heading, uids);
    if (row && !rows.has(row.pid)) rows.set(row.pid, row);
    if (!found && !row) errors.push(i + 1);
  }
  const width = cutWidthOf([...rows.values()]);
  const processes = [...rows.values()].map((row) => asProcess(row, row.args.length === width));
  return { observation: observationOf(processes), errors };
}

function headingIn(line: string): Heading | null {
  const words = line.trim().split(/\s+/);
  const [pid, ppid] = [words.indexOf("PID"), words.indexOf("PPID")];
  const user = words.findIndex((word) => /^(?:R?UID|E?USER|RUSER)$/.test(word));
  const isHeading =
    [pid, ppid, user].every((at) => at >= 0) && /^(?:CMD|COMMAND|ARGS)$/.test(words.at(-1) ?? "");
  return isHeading ? { user, pid, ppid, count: words.length } : null;
}

function rowIn(line: string, heading: Heading | null, uids: Map<string, number>): Row | null {
  const tabbed = /^(\d+)\t(\d+)\t(-1|\d+)\t(.*)$/.exec(line);
  const place = tabbed ? { user: 0, pid: 1, ppid: 2 } : heading;
  if (place === null) return null;
  const columns = new RegExp(`^\\s*((?:\\S+\\s+){${(heading?.count ?? 1) - 1}})(.*)$`).exec(line);
  const cells = tabbed?.slice(1, 4) ?? columns?.[1]?.trim().split(/\s+/) ?? [];
  const [user, pid = "", ppid = ""] = [cells[place.user], cells[place.pid], cells[place.ppid]];
  if (!/^\d+$/.test(pid) || !/^(?:-1|\d+)$/.test(ppid) || !user) return null;
  const uid = /^\d+$/.test(user) ? Number(user) : (uids.get(user) ?? FIRST_NAMED_UID + uids.size);
  uids.set(user, uid);
  return { uid, pid: Number(pid), ppid: Number(ppid), args: (tabbed?.[4] ?? columns?.[2]) || "" };
}

/** The width at which a terminal cut the rows; null: it did not. */
function cutWidthOf(rows: readonly Row[]): number | null {
  const width = rows.reduce((most, { args }) => Math.max(most, args.length), 0);
  const widest = new Set(rows.flatMap(({ args }) => (args.length === width ? [args] : [])));
  return widest.size >= CUT_ROWS ? width : null;
}

function asProcess({ uid, pid, ppid, args }: Row, argvTruncated: boolean): Proc {
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
