// What /proc says of a live process, for tests.
import { readdirSync, readFileSync } from "node:fs";

export interface ProcStat {
  readonly comm: string;
  readonly state: string;
  readonly ppid: number;
  readonly sid: number;
  /** Device number of the controlling terminal, 0: none. */
  readonly tty: number;
  readonly startTime: number;
}

/** /proc/PID/stat, read from the last ")" on since the name may hold any byte. Throws ENOENT when it is gone. */
export function readStat(pid: number): ProcStat {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    comm: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")),
    state: fields[0] ?? "?",
    ppid: Number(fields[1]),
    sid: Number(fields[3]),
    tty: Number(fields[4]),
    startTime: Number(fields[19]),
  };
}

/** True while the process is there and is not a zombie. */
export function isAlive(node: { readonly pid: number; readonly startTime: number }): boolean {
  try {
    const stat = readStat(node.pid);
    return stat.startTime === node.startTime && stat.state !== "Z" && stat.state !== "X";
  } catch {
    return false;
  }
}

/** The processes for which this holds; what has ended meanwhile is none of them. */
export function pidsWhere(holds: (pid: number) => boolean): number[] {
  const all = readdirSync("/proc").map(Number);
  return all.filter((pid) => {
    try {
      return pid > 1 && holds(pid);
    } catch {
      return false;
    }
  });
}

/** Real, effective, saved and file system uid. */
export function readUids(pid: number): number[] {
  const line = /^Uid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "";
  return line.split(/\s+/).map(Number);
}

/** Elements of the command line as the kernel shows them. */
export function argvOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
}
