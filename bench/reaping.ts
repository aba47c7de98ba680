// How long it takes to end a hundred idle trees: SIGTERM, verified deaths and all, beside a loop of kill -9.
import { readdirSync } from "node:fs";

const TREES = 100;
// What administrators do by hand, with a look whether they are gone.
const NAIVE = `for pid in $(pgrep -f '[s]erver-main.js'); do kill -9 $pid; done
while pgrep -f '[s]erver-main.js' >/dev/null; do :; done`;

export async function measureReaping(runs: number): Promise<ReapCost> {
  const sweep: number[] = [];
  const naive: number[] = [];
  for (let run = 0; run < runs; run++) {
    sweep.push(await endAll([...SWEEP, "--force", "--yes"]));
    naive.push(await endAll(["sh", "-c", NAIVE]));
  }
  return {
    trees: TREES,
    processes: TREES * SERVER_PROCESSES,
    runs,
    sweep: median(sweep),
    sweepWorst: quantile(sweep, 0.95),
    naive: median(naive),
  };
}

async function endAll(program: readonly string[]): Promise<number> {
  const before = living();
  const host = await startServers(TREES);
  try {
    const [starts = []] = time(1, [program]);
    requireStatus(starts, [0], program.join(" "));
    const left = living() - before;
    // The host process itself stays.
    if (left > 1) throw new Error(`${left - 1} of ${host.total} processes live after ${program.join(" ")}`);
    return starts[0]?.wall ?? Number.NaN;
  } finally {
    await host.end();
  }
}

const living = (): number => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length;

import { SERVER_PROCESSES, startServers } from "./host.ts";
import type { ReapCost } from "./results.ts";
import { median, quantile, requireStatus, SWEEP, time } from "./tools.ts";
