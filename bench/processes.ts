// What a look at the process table costs, by the number of processes: the addon alone and the whole sweep.
import { execFileSync } from "node:child_process";

const PROGRAMS = [
  PS,
  ["pgrep", "-f", "server-main.js"],
  [NODE, "-e", "0"],
  [PYTHON, "-c", "0"],
  SWEEP,
] as const;

const OPTIONS: SnapshotOptions = {
  procRoot: "/proc",
  uids: null,
  full: false,
  ...scanMarkers(makeCatalogue()),
  jobVariables: [],
  timeoutMs: 200,
  budgetMs: 5000,
};

export async function measureHost(processes: number, runs: number): Promise<HostCost> {
  return { ...(await measureServers(processes, runs)), bare: await measureBare(processes, runs) };
}

/** A host on which no user has a server. */
async function measureBare(processes: number, runs: number): Promise<HostCost["bare"]> {
  const host = await startLoginNode(processes, false);
  try {
    const programs = [PS, [NODE, "-e", "0"], [PYTHON, "-c", "0"], SWEEP] as const;
    time(1, programs);
    const [ps = [], node = [], python = [], sweep = []] = time(runs, programs);
    requireStatus(sweep, [0], "the sweep");
    return { ps: wall(ps), node: wall(node), python: wall(python), sweep: wall(sweep) };
  } finally {
    await host.end();
  }
}

const wall = (of: readonly Start[]): number => median(of.map((start) => start.wall));

async function measureServers(processes: number, runs: number): Promise<Omit<HostCost, "bare">> {
  const native = loadAddon();
  const host = await startLoginNode(processes);
  try {
    const users = host.serverUsers.join(",");
    const warm = await native.snapshot(OPTIONS);
    requireSound(warm, host.total);
    const pids = warm.processes.map(({ pid }) => pid).join(",");
    time(1, PROGRAMS);
    const starts = PROGRAMS.map((): Start[] => []);
    const seen = {
      floor: [] as number[],
      snapshot: [] as number[],
      floorFull: [] as number[],
      full: [] as number[],
    };
    for (let run = 0; run < runs; run++) {
      seen.floor.push(floor(users, pids));
      seen.snapshot.push(await snapshot(native, OPTIONS));
      time(1, PROGRAMS).forEach((found, i) => {
        starts[i]?.push(...found);
      });
      seen.floorFull.push(floor("all"));
      seen.full.push(await snapshot(native, { ...OPTIONS, full: true }));
    }
    const [ps = [], pgrep = [], node = [], python = [], sweep = []] = starts;
    requireStatus(sweep, [0], "the sweep");
    const cpu = (of: readonly Start[]): number => median(of.map((start) => start.cpu));
    return {
      processes: host.total,
      runs,
      read: warm.processes.length,
      ps: wall(ps),
      pgrep: wall(pgrep),
      node: wall(node),
      python: wall(python),
      floor: median(seen.floor),
      snapshot: median(seen.snapshot),
      floorFull: median(seen.floorFull),
      snapshotFull: median(seen.full),
      sweep: wall(sweep),
      cpu: { sweep: cpu(sweep), ps: cpu(ps), node: cpu(node), python: cpu(python) },
      sweepPeak: quantile(
        sweep.map((start) => start.peak),
        1,
      ),
    };
  } finally {
    await host.end();
  }
}

async function snapshot(native: Native, options: SnapshotOptions): Promise<number> {
  const before = performance.now();
  await native.snapshot(options);
  return performance.now() - before;
}

/** It times itself: its own start is none of the floor. */
function floor(...whom: string[]): number {
  const [us] = execFileSync(helper("floor"), ["/proc", ...whom], { encoding: "utf8" }).split(" ");
  return Number(us) / 1000;
}

function requireSound({ counts, faults }: RawSnapshot, total: number): void {
  if (counts.listed < total || faults.length > 0)
    throw new Error(`of ${total} processes ${counts.listed} were seen; ${JSON.stringify(faults[0] ?? null)}`);
}

import { makeCatalogue } from "../src/core/recognition/catalogue.ts";
import { scanMarkers } from "../src/core/recognition/scan-markers.ts";
import type { Native, RawSnapshot, SnapshotOptions } from "../src/shell/host/native.ts";
import { startLoginNode } from "./host.ts";
import type { HostCost } from "./results.ts";
import {
  helper,
  loadAddon,
  median,
  NODE,
  PS,
  PYTHON,
  quantile,
  requireStatus,
  type Start,
  SWEEP,
  time,
} from "./tools.ts";
