import type { Observation } from "./observation.ts";
import type { Proc } from "./process.ts";

/** A saved process listing as an observation: lines of uid, pid, ppid and args between tabs, `#` for comments. */

export interface ListingError {
  readonly line: number;
  readonly message: string;
}

/** Reads a listing. A pid that stands more than once (one row a thread) counts once; ppid -1 means not shown. */
export function parseListing(text: string): { observation: Observation; errors: ListingError[] } {
  const processes = new Map<number, Proc>();
  const errors: ListingError[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const row = /^(\d+)\t(\d+)\t(-1|\d+)\t(.*)$/.exec(line);
    if (!row) {
      errors.push({ line: i + 1, message: "is not uid<TAB>pid<TAB>ppid<TAB>args" });
      continue;
    }
    const pid = Number(row[2]);
    if (!processes.has(pid)) processes.set(pid, listed(Number(row[1]), pid, Number(row[3]), row[4] ?? ""));
  }
  return { observation: observationOf([...processes.values()]), errors };
}

function listed(uid: number, pid: number, ppid: number, args: string): Proc {
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
    comm: first.split("/").at(-1) ?? "",
    exe,
    argv,
    argvStatus: argv.length > 0 ? "read" : "empty",
    argvTruncated: false,
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
    marks: [],
    keeps: [],
    faults: [],
  };
}
