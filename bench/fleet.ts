// What many hosts cost: `fleet` over their documents, and the folder in which login nodes publish.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Trees of a document, as a large login node has them. */
const TREES = 200;
const FOLDER = "/run/bench-cluster";
/** Users with a client on each node that publishes. */
const USERS = 100;

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

/** Measures one sweep's reading and writing of the folder, in a running program. */
export function measureCluster(sizes: readonly number[], runs: number): ClusterCost[] {
  return sizes.map((nodes) => {
    // Files that are dated ahead of the clock do not count, nor do those of long ago.
    const now = Date.now();
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { mode: 0o700 });
    const publication = (host: string): Publication => ({
      schemaVersion: 1,
      host,
      bootId: "b007",
      writtenAt: now,
      attached: range(USERS).map((i) => ({ uid: 2000 + i, trees: 1, since: now - 60_000 })),
    });
    for (const node of range(nodes))
      writeFileSync(join(FOLDER, `login${node}.json`), JSON.stringify(publication(`login${node}`)));
    const uids = range(USERS).map((i) => 2000 + i);
    const reading = {
      now,
      maxAge: 7_200_000,
      host: "self",
      bootId: "b008",
      bootedAt: now - 86_400_000,
      uids,
    };
    const took = range(runs + 1).map(() => {
      const before = performance.now();
      const cpuBefore = process.cpuUsage();
      const read = serveCluster({ act: "read", folder: FOLDER, reading });
      const wrote = serveCluster({ act: "publish", folder: FOLDER, publication: publication("self") });
      const wall = performance.now() - before;
      const { user, system } = process.cpuUsage(cpuBefore);
      if (read.faults.length + wrote.faults.length > 0 || read.elsewhere?.length !== nodes * USERS)
        throw new Error(`the folder was not read: ${JSON.stringify([read.faults, wrote.faults])}`);
      rmSync(join(FOLDER, "self.json"));
      return { wall, cpu: (user + system) / 1000 };
    });
    rmSync(FOLDER, { recursive: true });
    // The first round filled the caches.
    const of = (pick: (one: (typeof took)[number]) => number): number => median(took.slice(1).map(pick));
    return { nodes, wall: of(({ wall }) => wall), cpu: of(({ cpu }) => cpu) };
  });
}

import type { Publication } from "../src/core/cluster/publication.ts";
import { serveCluster } from "../src/shell/cluster/shared-folder.ts";
import type { ClusterCost, FleetCost } from "./results.ts";
import { helper, median, NODE, PROGRAM, range, requireStatus, time } from "./tools.ts";
