import { boundsOf, isMet } from "./bounds.ts";
import { type HookCost, type HostCost, nameOf, ofScript, type Results, ratiosOf } from "./results.ts";

/** Formats the results as Markdown. */

type Row = readonly (string | number)[];

const ms = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
const mib = (kib: number): string => `${(kib / 1024).toFixed(kib < 10_240 ? 2 : 0)} MiB`;
const times = (value: number): string => value.toPrecision(2);
const count = (value: number): string => value.toLocaleString("en");

function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** Formats everything between the markers of README.md. */
export function report(results: Results): string {
  const { machine, hosts } = results;
  const { cpu, cpus, kernel, node, load, seconds } = machine;
  const parts = [
    `${cpu}, ${cpus} CPUs, Linux ${kernel}, Node ${node}; load average ${load.map((one) => one.toFixed(2)).join(" at the start, ")} at the end; ${seconds.toFixed(0)} s in all. Rounds: ${hosts.map(({ processes, runs }) => `${runs} at ${count(processes)}`).join(", ")}.`,
  ];
  if (hosts.length > 0) {
    parts.push("### One snapshot of the process table", snapshots(hosts));
    parts.push("### A whole sweep with nothing to end", sweeps(hosts));
  }
  if (results.trees.length > 0)
    parts.push("### A dry sweep of 10,000 processes, by its trees", treesOf(results));
  parts.push("### Prompts, sockets and kills", rest(results));
  if (results.hook.length > 0)
    parts.push("### What the hook adds to a logout, more than `/bin/true`", hooks(results.hook));
  parts.push("### Bounds", bounds(results));
  return parts.join("\n\n");
}

function snapshots(hosts: readonly HostCost[]): string {
  const head = [
    "processes",
    "read in full",
    "snapshot",
    "per process",
    "of `ps`",
    "of the floor",
    "all in full",
    "of its floor",
    "`ps`",
    "`pgrep -f`",
  ];
  const rows = hosts.map((host) => [
    count(host.processes),
    count(host.read),
    ms(host.snapshot),
    `${((host.snapshot / host.processes) * 1000).toFixed(2)} µs`,
    times(host.snapshot / host.ps),
    times(host.snapshot / host.floor),
    ms(host.snapshotFull),
    times(host.snapshotFull / host.floorFull),
    ms(host.ps),
    ms(host.pgrep),
  ]);
  return table(head, rows);
}

function sweeps(hosts: readonly HostCost[]): string {
  const head = [
    "processes",
    "sweep",
    "its CPU time",
    "peak memory",
    "`node -e 0`",
    "more than that",
    "`python3 -c 0`",
    "of `ps` and `python3`",
    "no tree: sweep",
    "more than `node`",
    "of `ps` and `python3`",
  ];
  const rows = hosts.map((host) => [
    count(host.processes),
    ms(host.sweep),
    ms(host.cpu.sweep),
    mib(host.sweepPeak),
    ms(host.node),
    ms(host.sweep - host.node),
    ms(host.python),
    times(ofScript(host)),
    ms(host.bare.sweep),
    ms(host.bare.sweep - host.bare.node),
    times(ofScript(host.bare)),
  ]);
  return table(head, rows);
}

function treesOf({ trees }: Results): string {
  const head = [
    "trees of 12, of one user: of one process",
    "CPU time",
    "of `ps` and `python3`",
    "wall time",
    "of `ps` and `python3`",
    "CPU time per tree",
    "peak memory",
  ];
  const none = trees.find(({ state }) => state === null);
  const rows = trees.map((cost) => [
    nameOf(cost),
    ms(cost.cpu.sweep),
    times(ofScript(cost.cpu)),
    ms(cost.wall.sweep),
    times(ofScript(cost.wall)),
    none && cost !== none ? ms((cost.cpu.sweep - none.cpu.sweep) / cost.trees) : "",
    mib(cost.peak),
  ]);
  return table(head, rows);
}

function rest({ sockets, reaping, trees }: Results): string {
  const rows: Row[] = [];
  for (const { prompt } of trees) {
    if (prompt === null) continue;
    const node = "`node -e 0`, subtracted";
    rows.push(["`list` of a user with a tree, 10,000 processes, 100 trees", ms(prompt.list), node, ""]);
    rows.push(["`explain` of a tree by root, the same host", ms(prompt.explain), node, ""]);
  }
  if (sockets) {
    const all = `${count(sockets.tcp)} TCP and ${count(sockets.unix)} unix sockets`;
    const add = (what: string, took: number): void => {
      rows.push([what, ms(took), "`ss`, twice", times(took / sockets.ss)]);
    };
    add(`connections of processes with ${all}`, sockets.asked);
    add(`connections on a host with ${all} of others`, sockets.others);
  }
  if (reaping) {
    const what = `forced sweep of ${reaping.trees} trees, ${count(reaping.processes)} processes`;
    const loop = "loop of `kill -9`";
    rows.push([`${what}, median`, ms(reaping.sweep), loop, times(reaping.sweep / reaping.naive)]);
    rows.push([`${what}, p95`, ms(reaping.sweepWorst), loop, times(reaping.sweepWorst / reaping.naive)]);
  }
  return table(["what", "takes", "beside", "of that"], rows);
}

function hooks(costs: readonly HookCost[]): string {
  const head = ["processes of the host", "CPU time", "wall time", "peak memory"];
  const rows = costs.map(({ processes, cpu, wall, peak }) => [
    count(processes),
    ms(cpu),
    ms(wall),
    mib(peak),
  ]);
  return table(head, rows);
}

function bounds(results: Results): string {
  const rows = boundsOf(results).map((bound) => [
    bound.what,
    `${bound.measured.toPrecision(3)}${bound.unit}`,
    `${bound.atMost}${bound.unit}`,
    isMet(bound) ? "met" : "**missed**",
  ]);
  return `${table(["bound (medians)", "measured", "at most", ""], rows)}\n\n${ratios(results)}`;
}

function ratios(results: Results): string {
  const rows = Object.entries(ratiosOf(results)).map(([name, ratio]) => [name, ratio]);
  return `<details><summary>All ratios that the guard compares</summary>\n\n${table(["ratio", "now"], rows)}\n\n</details>`;
}
