// What liveness costs: who is connected to whom, among many sockets that the asked-for processes hold.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Each pair is two sockets. */
const PAIRS = 4000;

export async function measureSockets(runs: number): Promise<SocketCost> {
  const native = loadAddon();
  const holders = spawn(helper("sockets"), [String(PAIRS)], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const [line] = (await once(createInterface({ input: holders.stdout }), "line")) as [string];
    const [near = 0, far = 0, odd = 0] = line.split(" ").map(Number);
    const look = async (pids: readonly number[], sockets: number): Promise<number> => {
      const before = performance.now();
      const found = await native.connections(pids, "/proc");
      const took = performance.now() - before;
      // The helpers share the pipe that ends them.
      const joined = found.connections.filter(({ kind }) => kind !== "pipe").length;
      if (!found.complete || joined !== sockets)
        throw new Error(`${joined} connected sockets where ${sockets} were due`);
      return took;
    };
    const seen = {
      asked: [] as number[],
      others: [] as number[],
      ss: [] as number[],
    };
    for (let run = 0; run <= runs; run++) {
      // The third's peer is not asked about, so its connection has one end only.
      seen.asked.push(await look([near, far, odd], 4 * PAIRS + 1));
      // As on a node whose sockets are other programs'.
      seen.others.push(await look([odd], 1));
      const [tcp = [], unix = []] = time(1, [
        ["ss", "-tanp"],
        ["ss", "-xanp"],
      ]);
      seen.ss.push((tcp[0]?.wall ?? Number.NaN) + (unix[0]?.wall ?? Number.NaN));
    }
    // The first round filled the caches.
    const of = (values: readonly number[]): number => median(values.slice(1));
    return {
      tcp: 2 * PAIRS,
      unix: 2 * PAIRS,
      runs,
      asked: of(seen.asked),
      others: of(seen.others),
      ss: of(seen.ss),
    };
  } finally {
    holders.stdin.end();
    if (holders.exitCode === null) await once(holders, "exit");
  }
}

import type { SocketCost } from "./results.ts";
import { helper, loadAddon, median, time } from "./tools.ts";
