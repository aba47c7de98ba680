// The addon's look at a simulated host, with what each call asked for: the real `observe` runs on it.
import type { Proc } from "../../src/core/observation/process.ts";
import { exeName } from "../../src/core/observation/process.ts";
import { scanMarkers } from "../../src/core/recognition/scan-markers.ts";
import { makeTable } from "../../src/core/tree/process-table.ts";
import type { EnvironOptions, Native, RawSnapshot, SnapshotOptions } from "../../src/shell/host/native.ts";
import { DEFAULT_POLICY } from "./policy.ts";
import { TICKS, UPTIME } from "./proc.ts";
import { connectionsOf } from "./simulate.ts";
import type { SimulatedHost } from "./simulated-host.ts";

const MARKERS = scanMarkers(DEFAULT_POLICY.catalogue);

/** What a look asked for, by pid. */
export interface Asked {
  readonly sockets: Set<number>;
  readonly environments: Set<number>;
  /** Command lines that were handed over. */
  readonly argv: Set<number>;
}

/** Makes an addon that sees a host as it is at the first look. */
export function nativeOf(host: SimulatedHost): { readonly native: Native; readonly asked: Asked } {
  const asked: Asked = { sockets: new Set(), environments: new Set(), argv: new Set() };
  const all = host.processes.filter(({ when }) => when[0]).map(({ process }) => process);
  const byPid = new Map(all.map((process) => [process.pid, process]));
  const native = {
    snapshot: async (options: SnapshotOptions) => {
      const processes = snapshotOf(all, options);
      for (const { pid, argv } of processes) if (argv.length > 0) asked.argv.add(pid);
      return rawOf(processes, all.length);
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
      results: processes.map(({ pid, startTime }) => {
        asked.environments.add(pid);
        return { pid, startTime, names: byPid.get(pid)?.jobVariables ?? null };
      }),
      faults: [],
    }),
  };
  return { native: native as unknown as Native, asked };
}

/** The selection of native/core/snapshot/select.cc. */
function snapshotOf(all: readonly Proc[], options: SnapshotOptions): Proc[] {
  const { uids, full, partial = false, pids } = options;
  if (pids) return all.filter(({ pid }) => pids.includes(pid)).map(bare);
  const table = makeTable(all);
  const asksFor = ({ uid }: Proc): boolean => uids === null || uids.includes(uid);
  const suspects = all.filter((process) => asksFor(process) && (full || isSuspect(process)));
  const parts = partial ? usersBelowSshd(all, suspects) : new Set<number>();
  const kept = new Map<number, Proc>();
  const keep = (process: Proc, whole: boolean): void => {
    if (kept.has(process.pid)) return;
    const isPart = parts.has(process.uid) && !whole && !isSshd(process) && process.exe !== null;
    kept.set(process.pid, isPart ? partOf(process) : bare(process));
  };
  for (const process of all) if (isSshd(process) || process.exe === null) keep(process, true);
  const below = [...suspects];
  for (let next = below.pop(); next; next = below.pop()) {
    if (kept.has(next.pid) && !suspects.includes(next)) continue;
    keep(next, false);
    below.push(...(table.children.get(next.pid) ?? []).filter(({ pid }) => !kept.has(pid)));
  }
  const byPid = new Map(all.map((process) => [process.pid, process]));
  for (const { pid } of [...kept.values()])
    for (let at = byPid.get(byPid.get(pid)?.ppid ?? 0); at && !kept.has(at.pid); at = byPid.get(at.ppid))
      keep(at, true);
  return [...kept.values()].sort((a, b) => a.pid - b.pid);
}

const isSshd = ({ exe }: Proc): boolean => MARKERS.sshdNames.includes(exeName(exe));

function isSuspect({ exe, argv, uid }: Proc): boolean {
  if (exe === null) return uid !== 0;
  if (MARKERS.exeMarkers.some((marker) => exe.includes(marker))) return true;
  const line = `${argv.join(" ")} `;
  const name = exeName(exe).replace(/[-.]?\d+(?:\.\d+)*$/, "");
  const isInterpreter = MARKERS.wideInterpreters.some((known) =>
    known.endsWith("*") ? name.startsWith(known.slice(0, -1)) : name === known,
  );
  return isInterpreter && MARKERS.wideMarkers.some((marker) => line.includes(marker));
}

function usersBelowSshd(all: readonly Proc[], suspects: readonly Proc[]): Set<number> {
  const byPid = new Map(all.map((process) => [process.pid, process]));
  const users = new Set(suspects.map(({ uid }) => uid));
  for (const { pid, uid } of suspects) {
    let at = byPid.get(pid);
    while (at && !isSshd(at)) at = byPid.get(at.ppid);
    if (!at) users.delete(uid);
  }
  return users;
}

/** Environments come with a call of their own. */
function bare({ jobVariables: _, ...process }: Proc): Proc {
  return process;
}

function partOf(process: Proc): Proc {
  return {
    ...bare(process),
    uids: null,
    argv: [],
    argvStatus: "skipped",
    cgroups: null,
    auditSession: null,
    loginUid: null,
    foreignUserNs: null,
    foreignPidNs: null,
    partial: true,
  };
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
