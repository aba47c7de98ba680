// Runs inside the namespaces that run.mjs makes, and writes what it finds as JSON to the file that its last argument names.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";

interface Plan {
  readonly sizes: readonly number[];
  readonly quick: boolean;
}

const [plan = "{}", output = ""] = process.argv.slice(2);
const { sizes, quick } = JSON.parse(plan) as Plan;
const began = performance.now();
const load = loadavg()[0] ?? 0;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

// The sweep's files stay inside the namespace, and the machine's own configuration is not used.
for (const folder of ["/run", "/var/lib", "/var/log", "/var/cache", "/etc/vscode-grim-reaper"])
  if (existsSync(folder)) execFileSync("mount", ["-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder]);
// As the service has it: on Node 22.1 and newer the sweep finds its compiled code there.
mkdirSync(CACHE_FOLDER, { mode: 0o700 });
process.env.CACHE_DIRECTORY = CACHE_FOLDER;
openWork();

/** More runs where a run is short. */
function runsAt(size: number): number {
  if (quick) return size > 10_000 ? 3 : 7;
  return size > 10_000 ? 9 : size > 1_000 ? 15 : 31;
}

const hosts: HostCost[] = [];
for (const size of sizes) {
  const room = roomFor(size);
  if (room !== null) {
    say(`${size} processes: left out, ${room}`);
    continue;
  }
  hosts.push(await measureHost(size, runsAt(size)));
  say(`${size} processes: measured`);
}
const sockets = await measureSockets(quick ? 7 : 21);
say("sockets: measured");
// After the sockets, whose helper has brought up the loopback interface.
const trees: TreeCost[] = [];
if (sizes.includes(AMONG)) {
  for (const [count, state] of treeHosts(quick))
    trees.push(await measureTrees(AMONG, count, state, quick ? 5 : 11));
  say("trees: measured");
}
const reaping = await measureReaping(quick ? 3 : 9);
say("reaping: measured");
const hook = await measureHooks([150, 10_000], quick ? 51 : 201);
say("hook: measured");

const results: Results = {
  machine: {
    cpu: cpus()[0]?.model ?? "?",
    cpus: cpus().length,
    kernel: release(),
    node: process.version,
    load: [load, loadavg()[0] ?? 0],
    seconds: (performance.now() - began) / 1000,
  },
  hosts,
  trees,
  sockets,
  reaping,
  hook,
};
writeFileSync(output, JSON.stringify(results));

/** Why this machine has no room for so many more processes; null when it has. */
function roomFor(size: number): string | null {
  const number = (file: string, what: RegExp): number =>
    Number(what.exec(readFileSync(file, "utf8"))?.[1] ?? 0);
  if (size + 1_500 > number("/proc/sys/kernel/pid_max", /^(\d+)/)) return "kernel.pid_max is too small";
  if (size + 1_500 > number("/proc/self/limits", /^Max processes +(\d+)/m))
    return "the limit of processes is too small";
  // A puppet takes 100 KiB, and what the kernel keeps for it as much again.
  if (size * 250 > number("/proc/meminfo", /^MemAvailable: +(\d+)/m)) return "there is too little memory";
  return null;
}

import { CACHE_FOLDER } from "../src/start/compile-cache.ts";
import { measureHooks } from "./hooks.ts";
import { openWork } from "./host.ts";
import { measureHost } from "./processes.ts";
import { measureReaping } from "./reaping.ts";
import type { HostCost, Results, TreeCost } from "./results.ts";
import { measureSockets } from "./sockets.ts";
import { AMONG, measureTrees, treeHosts } from "./trees.ts";
