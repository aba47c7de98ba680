import { type Added, type HookCost, type HostCost, ofScript, type Results, ratiosOf } from "./results.ts";

/** The results as Markdown. */

type Row = readonly (string | number)[];

const ms = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
const mib = (kib: number): string => `${(kib / 1024).toFixed(kib < 10_240 ? 2 : 0)} MiB`;
const times = (value: number): string => value.toPrecision(2);
const count = (value: number): string => value.toLocaleString("en");

function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** Everything that README.md holds between its markers. */
export function report(results: Results): string {
  const { machine, hosts } = results;
  const { cpu, cpus, kernel, node, load, seconds } = machine;
  const parts = [
    `${cpu}, ${cpus} CPUs, Linux ${kernel}, Node ${node}; load average ${load.map((one) => one.toFixed(2)).join(" at the start, ")} at the end; ${seconds.toFixed(0)} s in all. Rounds: ${hosts.map(({ processes, runs }) => `${runs} at ${count(processes)}`).join(", ")}.`,
  ];
  if (hosts.length > 0) {
    parts.push("### One look at the process table", snapshots(hosts));
    parts.push("### A whole sweep with nothing to end", sweeps(hosts));
  }
  parts.push("### Liveness, deaths", rest(results));
  if (results.hook.length > 0) parts.push("### What a logout costs more", hooks(results.hook));
  parts.push("### Targets", targets(results));
  return parts.join("\n\n");
}

function snapshots(hosts: readonly HostCost[]): string {
  const head = [
    "processes",
    "read in full",
    "snapshot",
    "a process",
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

function rest({ sockets, reaping }: Results): string {
  const rows: Row[] = [];
  if (sockets) {
    const all = `${count(sockets.tcp)} TCP and ${count(sockets.unix)} unix sockets`;
    const add = (what: string, took: number): void => {
      rows.push([what, ms(took), "`ss`, twice", times(took / sockets.ss)]);
    };
    add(`connections of ${all}, one look`, sockets.once);
    add(`connections of ${all}, looked at twice`, sockets.twice);
    add(`connections on a host with ${all} of others, looked at twice`, sockets.others);
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
  const head = [
    "processes of the host",
    "found",
    "hook: CPU",
    "wall",
    "shell hook: CPU",
    "wall",
    "Node hook: CPU",
    "wall",
    "hook: peak memory",
  ];
  const both = ({ cpu, wall }: Added): string[] => [ms(cpu), ms(wall)];
  const rows = costs.map(({ processes, found, hook, shell, node, peak }) => [
    count(processes),
    found,
    ...both(hook),
    ...both(shell),
    ...both(node),
    mib(peak),
  ]);
  return table(head, rows);
}

function targets(results: Results): string {
  const { hosts, sockets, reaping, hook } = results;
  const at = (size: number): HostCost | undefined =>
    hosts.find(({ processes }) => Math.abs(processes / size - 1) < 0.1);
  const small = at(150);
  const large = at(10_000);
  const rows: Row[] = [];
  const add = (what: string, value: number, limit: number, unit: string): void => {
    rows.push([
      what,
      `${value.toPrecision(3)}${unit}`,
      `${limit}${unit}`,
      value <= limit ? "met" : "**missed**",
    ]);
  };
  if (large) {
    add("snapshot of 10,000 processes, of `ps`", large.snapshot / large.ps, 0.25, "");
    add("… of the floor", large.snapshot / large.floor, 1.3, "");
    add("… everything in full, of its floor", large.snapshotFull / large.floorFull, 1.3, "");
    add(
      "sweep of 10,000 processes, no tree among them, of `ps` and `python3`",
      ofScript(large.bare),
      0.333,
      "",
    );
    add("… with 300 of them in trees", ofScript(large), 0.333, "");
    add("… peak memory", large.sweepPeak / 1024, 60, " MiB");
  }
  const costs = hosts
    .filter(({ processes }) => processes > 900)
    .map((host) => host.snapshot / host.processes);
  if (costs.length > 1)
    add(
      "cost of a process in the largest host, of that in 1,000",
      (costs.at(-1) ?? 0) / (costs[0] ?? 1),
      1.1,
      "",
    );
  if (small) {
    add(
      "sweep of 150 processes, no tree among them, more than `node -e 0`",
      small.bare.sweep - small.bare.node,
      15,
      " ms",
    );
    add("… with 12 of them in a tree", small.sweep - small.node, 15, " ms");
  }
  if (sockets) {
    add("liveness among that many sockets of others", sockets.others, 30, " ms");
    add("liveness when all of them are the trees' own", sockets.twice, 30, " ms");
  }
  if (reaping) add("end of 100 trees, p95", reaping.sweepWorst, 1500, " ms");
  if (hook.length > 0) add("hook, peak memory", Math.max(...hook.map(({ peak }) => peak)) / 1024, 2, " MiB");
  return `${table(["target (medians)", "measured", "at most", ""], rows)}\n\n${ratios(results)}`;
}

function ratios(results: Results): string {
  const rows = Object.entries(ratiosOf(results)).map(([name, ratio]) => [name, ratio]);
  return `<details><summary>All ratios that the guard compares</summary>\n\n${table(["ratio", "now"], rows)}\n\n</details>`;
}
