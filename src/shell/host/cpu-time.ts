/** Reads CPU times from /proc, for `list`. */

import { readFileSync } from "node:fs";
import type { Proc } from "../../core/observation/process.ts";

/** Adds up the CPU time of processes in milliseconds; one that has ended or been replaced counts as 0. */
export function cpuTimeOf(processes: readonly Proc[], ticksPerSecond: number): number {
  const ticks = processes.reduce((sum, process) => sum + ticksOf(process), 0);
  return (ticks / ticksPerSecond) * 1000;
}

function ticksOf({ pid, startTime }: Proc): number {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return 0;
  }
  // proc_pid_stat(5): after the name in parentheses, utime is the 12th field, stime the 13th, starttime the 20th.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[19]) === startTime ? Number(fields[11]) + Number(fields[12]) : 0;
}
