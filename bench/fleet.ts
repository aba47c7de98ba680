// What many hosts cost: `fleet` over their documents.
import { rmSync, writeFileSync } from "node:fs";

/** Trees of a document, as a large login node has them. */
const TREES = 200;

const now = Date.now();

/** A document of `list --json` of the size that a real one has: 1.5 KB per tree. */
function document(host: number): string {
  const detail = "no ssh server of audit session 7 is alive; a later session may use it, and a relay";
  const trees = range(TREES).map((i) => {
    const pid = 1000 + i * 20;
    return {
      root: { pid, startTime: 1_000_000 + i },
      uid: 2000 + ((host * 7 + i) % 5000),
      product: "vscode",
      verdict: ["spare", "wait", "reap"][i % 3],
      tagged: true,
      closedAt: new Date(now).toISOString(),
      remoteHost: "laptop.example.org",
      ageSeconds: 4000,
      graceSeconds: 600,
      memoryKiB: 700_000,
      pids: range(12).map((k) => pid + k),
      sparedBelow: [],
      costs: { cpuSeconds: 100, memoryKiB: 700_000, processes: 12, threads: 120, inotifyWatches: 5000 },
      evidence: range(8).map((k) => ({ fact: `fact${k}`, value: "no", detail })),
      reasons: ["orphaned: the session closed 30m ago, grace 10m"],
    };
  });
  return `${JSON.stringify({ schemaVersion: 1, host: `login${host}`, dryRun: true, trees, errors: [], takenAt: now })}\n`;
}

/** Measures `fleet` beside a bare Node.js that parses the same lines. */
export function measureFleet(sizes: readonly number[], runs: number): FleetCost[] {
  const file = helper("fleet.jsonl");
  const parse = `
    const rl = require("node:readline").createInterface({ input: require("node:fs").createReadStream(process.argv[1]) });
    rl.on("line", (line) => JSON.parse(line));`;
  return sizes.map((hosts) => {
    writeFileSync(file, "");
    for (const host of range(hosts)) writeFileSync(file, document(host), { flag: "a" });
    const [fleet = [], parsed = []] = time(runs, [
      [NODE, PROGRAM, "fleet", file],
      [NODE, "-e", parse, file],
    ]);
    requireStatus([...fleet, ...parsed], [0], "fleet");
    rmSync(file);
    return {
      hosts,
      trees: hosts * TREES,
      wall: median(fleet.map(({ wall }) => wall)),
      cpu: median(fleet.map(({ cpu }) => cpu)),
      peak: Math.max(...fleet.map(({ peak }) => peak)),
      parse: median(parsed.map(({ cpu }) => cpu)),
    };
  });
}

import type { FleetCost } from "./results.ts";
import { helper, median, NODE, PROGRAM, range, requireStatus, time } from "./tools.ts";
