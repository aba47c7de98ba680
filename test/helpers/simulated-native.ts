// The addon's look at a simulated host, with what each call asked for: the real `observe` runs on it.
import type { Proc } from "../../src/core/observation/process.ts";
import { exeName } from "../../src/core/observation/process.ts";
import { scanMarkers } from "../../src/core/recognition/scan-markers.ts";
import { makeTable } from "../../src/core/tree/process-table.ts";
import type { EnvironOptions, Native, RawSnapshot, SnapshotOptions } from "../../src/shell/host/native.ts";
import { isSuspect } from "./native-scan.ts";
import { DEFAULT_POLICY } from "./policy.ts";
import { TICKS, UPTIME } from "./proc.ts";
import { connectionsOf } from "./simulate.ts";
import type { SimulatedHost } from "./simulated-host.ts";

const MARKERS = scanMarkers(DEFAULT_POLICY.catalogue);

/** What a look asked for, by pid. */
export interface Asked {
  readonly sockets: Set<number>;
  readonly environments: Set<number>;
  readonly processes: Set<number>;
}

/** Makes an addon that sees a host as it is at the first look. */
export function nativeOf(host: SimulatedHost): { readonly native: Native; readonly asked: Asked } {
  const asked: Asked = { sockets: new Set(), environments: new Set(), processes: new Set() };
  const all = host.processes.filter(({ when }) => when[0]).map(({ process }) => process);
  const byPid = new Map(all.map((process) => [process.pid, process]));
  const answer = (processes: readonly Proc[]): RawSnapshot => {
    for (const { pid } of processes) asked.processes.add(pid);
    return rawOf(processes, all.length);
  };
  const native = {
    snapshot: async (options: SnapshotOptions) => {
      const suspects = suspectsOf(all, options);
      if (options.staged !== true || suspects.length === 0) return answer(snapshotOf(all, suspects, options));
      const ofFirst = answer(snapshotOf(all, [], { full: false, hidden: false }));
      return { ...ofFirst, chain: chainOf(all, suspects), rest: options };
    },
    finishSnapshot: async (rest: unknown, skipped: readonly number[]) => {
      const options = rest as SnapshotOptions;
      const suspects = suspectsOf(all, options).filter(({ uid }) => !skipped.includes(uid));
      return answer(snapshotOf(all, suspects, options));
    },
    connections: async (pids: readonly number[]) => {
      for (const pid of pids) asked.sockets.add(pid);
      const found = connectionsOf(
        host,
        0,
        pids.flatMap((pid) => byPid.get(pid) ?? []),
        false,
      );
      // In one order whatever was asked, so that two looks find the same first.
      const ordered = [...found.links].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
      return { ...found, links: ordered };
    },
    environNames: async ({ processes }: EnvironOptions) => ({
      results: processes.map(({ pid }) => {
        asked.environments.add(pid);
        return byPid.get(pid)?.jobVariables ?? null;
      }),
      faults: [],
    }),
  };
  return { native: native as unknown as Native, asked };
}

function suspectsOf(all: readonly Proc[], { uids, full }: SnapshotOptions): Proc[] {
  const asked = all.filter(({ uid }) => uids === null || uids.includes(uid));
  if (full) return asked;
  return asked.filter(({ exe, argv, uid }) => (exe === null ? uid !== 0 : isSuspect({ exe, argv }, MARKERS)));
}

/** The selection of native/core/snapshot/select.cc: ssh servers, what is hidden, suspects, and what is above and below. */
function snapshotOf(
  all: readonly Proc[],
  suspects: readonly Proc[],
  { full, hidden = true }: { full: boolean; hidden?: boolean },
): Proc[] {
  const table = makeTable(all);
  const users = new Set(suspects.map(({ uid }) => uid));
  const kept = new Set<Proc>(all.filter((process) => isSshd(process) || (hidden && process.exe === null)));
  const below = [...suspects];
  const met = new Set<Proc>();
  for (let next = below.pop(); next; next = below.pop()) {
    if (met.has(next)) continue;
    met.add(next);
    kept.add(next);
    const children = table.children.get(next.pid) ?? [];
    below.push(...children.filter(({ uid, exe }) => users.has(uid) || (exe !== null && (uid === 0 || full))));
  }
  const byPid = new Map(all.map((process) => [process.pid, process]));
  for (const { ppid } of [...kept])
    for (let at = byPid.get(ppid); at && !kept.has(at); at = byPid.get(at.ppid)) kept.add(at);
  return [...kept].map(bare).sort((a, b) => a.pid - b.pid);
}

/** Suspects and what is above them, five numbers each. */
function chainOf(all: readonly Proc[], suspects: readonly Proc[]): Float64Array {
  const byPid = new Map(all.map((process) => [process.pid, process]));
  const chain = new Set<Proc>();
  for (const suspect of suspects)
    for (let at: Proc | undefined = suspect; at && !chain.has(at); at = byPid.get(at.ppid)) chain.add(at);
  return Float64Array.from(
    [...chain].flatMap((one) => [one.pid, one.startTime, one.ppid, one.uid, suspects.includes(one) ? 1 : 0]),
  );
}

const isSshd = ({ exe }: Proc): boolean => MARKERS.sshdNames.includes(exeName(exe));

/** Environments come with a call of their own. */
function bare({ jobVariables: _, ...process }: Proc): Proc {
  return process;
}

function rawOf(processes: readonly Proc[], listed: number): RawSnapshot {
  const counts = { listed, read: processes.length, gone: 0, denied: 0, malformed: 0, timedOut: 0 };
  return {
    bootId: "b007",
    ticksPerSecond: TICKS,
    uptime: UPTIME,
    takenAt: 0,
    processes,
    overBudget: [],
    counts,
    faults: [],
  };
}
