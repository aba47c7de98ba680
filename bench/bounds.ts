import { type HostCost, nameOf, ofScript, type Results, type TreeCost } from "./results.ts";
import { ONE_USERS, type TreeState } from "./trees.ts";

/** The bounds that hold on every machine that runs the benchmark, with what was measured. */
export interface Bound {
  readonly what: string;
  readonly measured: number;
  readonly atMost: number;
  readonly unit: "" | " ms" | " MiB";
}

/** Node 22.1 and newer keep compiled code between runs, so a sweep starts sooner. */
function hasCompileCache(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 1);
}

/** What a dry sweep of 10,000 processes may take at most of `ps` and `python3 -c 0`: CPU time and wall time. */
const OF_TREES: Readonly<Record<TreeState | "none", readonly [number, number] | null>> = {
  none: [0.4, 0.4],
  "below a session": [0.5, 0.5],
  "inside grace": [0.45, 0.45],
  "used by sockets": [1.35, 1.35],
  "past grace": [1.2, 1.2],
  [ONE_USERS]: null,
};

function boundsOfTrees(cost: TreeCost): Bound[] {
  const bounds = OF_TREES[cost.state ?? "none"];
  if ((cost.trees !== 0 && cost.trees !== 100) || bounds === null) return [];
  const [cpu, wall] = bounds;
  const what = `sweep of 10,000 processes, ${nameOf(cost)}, of \`ps\` and \`python3 -c 0\``;
  return [
    { what: `CPU time of a ${what}`, measured: ofScript(cost.cpu), atMost: cpu, unit: "" },
    { what: "… wall time", measured: ofScript(cost.wall), atMost: wall, unit: "" },
    { what: "… peak memory", measured: cost.peak / 1024, atMost: 60, unit: " MiB" },
    ...(cost.prompt === null
      ? []
      : [
          {
            what: "`list` of a user with a tree, 10,000 processes, more than `node -e 0`",
            measured: cost.prompt.list,
            atMost: 160,
            unit: " ms",
          } as const,
          { what: "… `explain` by root", measured: cost.prompt.explain, atMost: 350, unit: " ms" } as const,
        ]),
  ];
}

/** One user's trees cost the same each, however many they are: nothing about them grows with their square. */
function boundsOfOneUser(trees: readonly TreeCost[]): Bound[] {
  const none = trees.find(({ state }) => state === null)?.cpu.sweep ?? 0;
  const [few, many] = trees
    .filter(({ state }) => state === ONE_USERS)
    .map(({ cpu, trees: count }) => (cpu.sweep - none) / count);
  if (few === undefined || many === undefined) return [];
  const what = "CPU time per tree of one user with 4,000, of one with 1,000";
  return [{ what, measured: many / few, atMost: 1.5, unit: "" }];
}

/** Lists the bounds for which this run has a measurement. */
export function boundsOf({ machine, hosts, trees, reaping, hook }: Results): Bound[] {
  const cached = hasCompileCache(machine.node);
  const near = (size: number): HostCost[] =>
    hosts.filter(({ processes }) => Math.abs(processes / size - 1) < 0.1);
  return [
    ...near(10_000).flatMap((host): Bound[] => [
      {
        what: "snapshot of 10,000 processes, of `ps`",
        measured: host.snapshot / host.ps,
        atMost: 0.35,
        unit: "",
      },
      {
        what: "CPU time of a sweep of 10,000 processes, of `ps` and `python3 -c 0`",
        measured: ofScript(host.cpu),
        atMost: cached ? 0.6 : 0.65,
        unit: "",
      },
      { what: "… peak memory", measured: host.sweepPeak / 1024, atMost: 60, unit: " MiB" },
    ]),
    ...trees.flatMap(boundsOfTrees),
    ...boundsOfOneUser(trees),
    ...near(150).map(
      (host): Bound => ({
        what: "sweep of 150 processes, more than `node -e 0`",
        measured: host.sweep - host.node,
        atMost: cached ? 25 : 40,
        unit: " ms",
      }),
    ),
    ...(reaping
      ? [{ what: "end of 100 trees, p95", measured: reaping.sweepWorst, atMost: 1500, unit: " ms" } as const]
      : []),
    ...hook.map(
      ({ processes, cpu }): Bound => ({
        what: `hook, CPU time more than /bin/true, at ${processes} processes`,
        measured: cpu,
        atMost: 0.3,
        unit: " ms",
      }),
    ),
    ...(hook.length > 0
      ? [
          {
            what: "hook, peak memory",
            measured: Math.max(...hook.map(({ peak }) => peak)) / 1024,
            atMost: 2,
            unit: " MiB",
          } as const,
        ]
      : []),
  ];
}

/** Whether a bound holds. */
export const isMet = ({ measured, atMost }: Bound): boolean => measured <= atMost;
