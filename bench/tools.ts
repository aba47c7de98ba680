// What the measurements share: programs that are timed, the addon, and medians.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";

/** Made by run.mjs: the compiled helpers lie there, and the programs that benchmark hosts run. */
export const WORK = process.env.BENCH_WORK ?? "";
export const helper = (name: string): string => join(WORK, name);

// Copies, which another build does not change while they are measured.
export const PROGRAM = helper("dist/vscode-grim-reaper.cjs");
export const HOOK = helper("dist/session-close");
export const NODE = process.execPath;
// The system's own; a version manager's stand-in would cost a shell's start besides.
export const PYTHON = "/usr/bin/python3";
export const PS = ["ps", "-A", "n", "-o", "ruid,pid,ppid,args"] as const;
/** A configuration in which one product has no grace, so that no tree is left out because it is young. */
export const NO_YOUNG = 'graceByProduct = { none = "0s" }\n';
export const SWEEP = [NODE, PROGRAM, "sweep"] as const;

/** The built addon, as an installation loads it. */
export function loadAddon(): Native {
  return createRequire(PROGRAM)(helper("dist/reaper_native.node")) as Native;
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(q * (sorted.length - 1))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** One start of a program. Times in milliseconds, memory in KiB. */
export interface Start {
  readonly wall: number;
  readonly cpu: number;
  readonly peak: number;
  readonly status: number;
}

/** Starts the programs in turn, `runs` times; one list of starts for each program. */
export function time(
  runs: number,
  programs: readonly (readonly string[])[],
  driver = helper("stopwatch"),
  env: NodeJS.ProcessEnv = process.env,
): Start[][] {
  const words = programs.flatMap((program) => ["--", ...program]);
  const text = execFileSync(driver, [String(runs), ...words], { encoding: "utf8", env });
  const starts = programs.map((): Start[] => []);
  for (const line of text.trim().split("\n")) {
    const [index = -1, wall = 0, cpu = 0, peak = 0, status = -1] = line.split(" ").map(Number);
    starts[index]?.push({ wall: wall / 1000, cpu: cpu / 1000, peak, status });
  }
  return starts;
}

/** The statuses of what was started; a program that failed did not do the work that was to be timed. */
export function requireStatus(starts: readonly Start[], allowed: readonly number[], what: string): void {
  const bad = starts.find(({ status }) => !allowed.includes(status));
  if (bad) throw new Error(`${what} ended with status ${bad.status}: not the work that was to be timed`);
}

import type { Native } from "../src/shell/host/native.ts";
