/** What a run of the benchmark finds. Times in milliseconds, memory in KiB; every value is a median unless named. */
export interface Results {
  readonly machine: {
    readonly cpu: string;
    readonly cpus: number;
    readonly kernel: string;
    readonly node: string;
    readonly load: readonly [number, number];
    readonly seconds: number;
  };
  readonly hosts: readonly HostCost[];
  readonly trees: readonly TreeCost[];
  readonly sockets: SocketCost | null;
  readonly reaping: ReapCost | null;
  readonly hook: readonly HookCost[];
}

export interface HostCost {
  readonly processes: number;
  readonly runs: number;
  /** Processes of users who have a server, which a snapshot reads in full. */
  readonly read: number;
  readonly ps: number;
  readonly pgrep: number;
  readonly node: number;
  readonly python: number;
  readonly floor: number;
  readonly snapshot: number;
  /** The same with every process read in full. */
  readonly floorFull: number;
  readonly snapshotFull: number;
  readonly sweep: number;
  /** Processor time, of the program and of what it started. */
  readonly cpu: {
    readonly sweep: number;
    readonly ps: number;
    readonly node: number;
    readonly python: number;
  };
  /** The largest of all runs. */
  readonly sweepPeak: number;
  /** Of a host of this size on which no user has a server. */
  readonly bare: Pick<HostCost, "ps" | "node" | "python" | "sweep">;
}

/** What a sweep takes, of what a sweep by script does before its own work. */
export function ofScript({ sweep, ps, python }: Pick<HostCost, "sweep" | "ps" | "python">): number {
  return sweep / (ps + python);
}

/** "100 trees below a session". */
export function nameOf({ trees, state }: TreeCost): string {
  return state === null ? "no trees" : `${trees} trees ${state}`;
}

/** A dry sweep among trees of one state; null: there are none. */
export interface TreeCost {
  readonly processes: number;
  readonly trees: number;
  readonly state: TreeState | null;
  readonly runs: number;
  readonly wall: {
    readonly sweep: number;
    readonly ps: number;
    readonly python: number;
    readonly node: number;
  };
  readonly cpu: TreeCost["wall"];
  /** The largest of all runs. */
  readonly peak: number;
  /** Wall time of commands that people wait for, more than `node -e 0` takes; null: not measured among these trees. */
  readonly prompt: PromptCost | null;
}

export interface PromptCost {
  /** `list` by a user without root who has a tree. */
  readonly list: number;
  /** `explain` by root, of one tree. */
  readonly explain: number;
}

export interface SocketCost {
  readonly tcp: number;
  readonly unix: number;
  readonly runs: number;
  readonly asked: number;
  /** All but one of them are held by processes that are not asked about. */
  readonly others: number;
  /** `ss -tanp` and `ss -xanp`, which read the descriptors of every process. */
  readonly ss: number;
}

export interface ReapCost {
  readonly trees: number;
  readonly processes: number;
  readonly runs: number;
  readonly sweep: number;
  readonly sweepWorst: number;
  readonly naive: number;
}

export interface HookCost {
  readonly processes: number;
  /** Wall and processor time more than /bin/true takes, which pam_exec would start as well. */
  readonly wall: number;
  readonly cpu: number;
  /** The largest of all runs. */
  readonly peak: number;
}

/** The ratios that are guarded against growing; smaller is better. */
export function ratiosOf(results: Results): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const host of results.hosts) {
    const at = (name: string): string => `${name} at ${host.processes}`;
    ratios[at("snapshot / ps")] = host.snapshot / host.ps;
    // On a small host the floor takes 3 ms, and one start of a helper more or less is a third of the ratio.
    if (host.processes >= 1000) {
      ratios[at("snapshot / floor")] = host.snapshot / host.floor;
      ratios[at("full snapshot / floor")] = host.snapshotFull / host.floorFull;
    }
    // Of a whole process the processor time is known, which other load changes least.
    ratios[at("CPU of sweep / (ps + python3)")] = ofScript(host.cpu);
    ratios[at("CPU of sweep / node")] = host.cpu.sweep / host.cpu.node;
    ratios[at("sweep without trees / (ps + python3)")] = ofScript(host.bare);
  }
  for (const cost of results.trees) {
    ratios[`CPU of sweep / (ps + python3), ${nameOf(cost)}`] = ofScript(cost.cpu);
    ratios[`sweep / (ps + python3), ${nameOf(cost)}`] = ofScript(cost.wall);
  }
  const { sockets, reaping } = results;
  if (sockets) {
    ratios["sockets / ss"] = sockets.asked / sockets.ss;
    ratios["sockets of others / ss"] = sockets.others / sockets.ss;
  }
  if (reaping) ratios["forced sweep / loop of kill -9"] = reaping.sweep / reaping.naive;
  return Object.fromEntries(
    Object.entries(ratios).map(([name, ratio]) => [name, Number(ratio.toPrecision(3))]),
  );
}

import type { TreeState } from "./trees.ts";
