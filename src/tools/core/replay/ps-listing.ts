/** A saved process listing as an observation: what `ps -eo uid,pid,ppid,args` writes, or its columns between tabs. */

import type { Observation } from "../../../core/observation/observation.ts";
import type { Proc } from "../../../core/observation/process.ts";
import type { Parsed } from "../../../core/text/parse-json.ts";

const HEADING = /^\s*UID\s+PID\s+PPID\s/;
const ROW = /^\s*(\d+)\s+(\d+)\s+(-1|\d+)(?:\s(.*))?$/;

/**
 * Reads a listing; lines with `#` are comments. A pid that stands more than once (one row per thread) counts once; ppid -1
 * means not shown.
 */
export function parseListing(text: string): Parsed<Observation> {
  const processes = new Map<number, Proc>();
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#") || HEADING.test(line)) continue;
    const [row, uid, pid, ppid, args = ""] = ROW.exec(line) ?? [];
    if (row === undefined)
      return { error: `line ${i + 1} is not a row of uid, pid, ppid and args`, reason: "damaged" };
    if (!processes.has(Number(pid)))
      processes.set(Number(pid), asProcess(Number(uid), Number(pid), Number(ppid), args));
  }
  return { value: observationOf([...processes.values()]) };
}

function asProcess(uid: number, pid: number, ppid: number, args: string): Proc {
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
    states: [],
    lastSweepAt: null,
    survivors: [],
    keeps: [],
    faults: [],
  };
}
