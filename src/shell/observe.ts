/** Observe: one immutable look at the host. Secrets leave the command lines here, before anything can repeat them. */

import { hostname } from "node:os";
import { type HostView, viewOf } from "../core/evidence/host-view.ts";
import type { Connections } from "../core/observation/connections.ts";
import type { Fault } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { Proc } from "../core/observation/process.ts";
import type { Catalogue } from "../core/recognition/catalogue.ts";
import { scanMarkers } from "../core/recognition/scan-markers.ts";
import { redactArgv } from "../core/text/safe-text.ts";
import { jobVariableNames } from "../core/tree/batch-job.ts";
import { leadersOf } from "../core/tree/tree.ts";
import type { Native } from "./host/native.ts";
import { readKeeps } from "./store/keep-requests.ts";
import { readState } from "./store/tags-and-marks.ts";

export interface ObserveOptions {
  readonly catalogue: Catalogue;
  /** Only these users; null: all that this program may see. */
  readonly uids: readonly number[] | null;
  /** Every process of those users, whether or not any looks like a server's. */
  readonly full: boolean;
  /** Whether to look at sockets; without them no tree can be said to be unconnected. */
  readonly sockets: boolean;
  /** Whether to look for batch job variables as well, where sockets are looked at (default true). */
  readonly environments?: boolean;
  readonly runFolder: string;
  /** Where users ask for their trees to be kept, and for how long at most in milliseconds; absent: not read. */
  readonly keeps?: { readonly folder: string; readonly max: number };
  readonly procRoot: string;
}

/** The process table could not be read at all. */
export class ObserveError extends Error {}

// For command lines and, again, for environments.
const ARGV_TIMEOUT_MS = 200;
const ARGV_BUDGET_MS = 5000;

/** Takes one look at the host. @throws ObserveError */
export async function observe(native: Native, options: ObserveOptions): Promise<Observation> {
  const table = await readProcessTable(native, options);
  if (!options.sockets) return table;
  const view = viewOf(table, options.catalogue);
  const [{ connections, faults }, environs] = await Promise.all([
    readConnections(native, view, options.procRoot),
    options.environments === false
      ? { variables: new Map<number, null>(), faults: [] }
      : readEnvironments(native, view, options.procRoot),
  ]);
  const owners = options.uids ?? [...new Set(view.trees.map(({ uid }) => uid))];
  const { folder, max } = options.keeps ?? { folder: "", max: 0 };
  const kept = readKeeps(folder, owners, max, table.takenAt);
  return {
    ...table,
    processes: table.processes.map((process): Proc => {
      const jobVariables = environs.variables.get(process.pid);
      return jobVariables === undefined ? process : { ...process, jobVariables };
    }),
    connections,
    keeps: kept.keeps,
    faults: [...table.faults, ...faults, ...environs.faults, ...kept.faults],
  };
}

/** Reads processes, tags and marks. */
async function readProcessTable(native: Native, options: ObserveOptions): Promise<Observation> {
  const { catalogue, uids, full, procRoot } = options;
  const raw = await native
    .snapshot({
      procRoot,
      uids,
      full,
      ...scanMarkers(catalogue),
      argvTimeoutMs: ARGV_TIMEOUT_MS,
      argvBudgetMs: ARGV_BUDGET_MS,
    })
    .catch((error: Error) => {
      throw new ObserveError(
        `cannot read the process table in ${procRoot}: ${error.message}; ${remedyFor(error)}`,
      );
    });
  const state = readState(native, options.runFolder, raw.bootId);
  return {
    schemaVersion: 1,
    host: hostname(),
    source: "proc",
    bootId: raw.bootId,
    takenAt: raw.takenAt,
    uptime: raw.uptime,
    ticksPerSecond: raw.ticksPerSecond,
    observerUid: process.geteuid?.() ?? -1,
    processes: raw.processes.map((process): Proc => ({ ...process, argv: redactArgv(process.argv) })),
    counts: raw.counts,
    connections: null,
    tags: state.tags,
    marks: state.marks,
    keeps: [],
    faults: [...raw.faults, ...state.faults],
  };
}

function remedyFor({ code }: NodeJS.ErrnoException): string {
  if (code === "EMFILE" || code === "ENFILE") return "raise the limit of open files (LimitNOFILE=)";
  if (code === "ENOMEM") return "raise the limit of memory (MemoryMax=, ulimit -v)";
  return "is proc mounted there, and whole (no subset=pid)?";
}

/** Lists the sockets of trees and ssh servers alone: listing descriptors is expensive. */
async function readConnections(
  native: Native,
  { trees, sshd }: HostView,
  procRoot: string,
): Promise<{ connections: Connections | null; faults: readonly Fault[] }> {
  const members = trees.flatMap((tree) => tree.members.map(({ pid }) => pid));
  if (members.length === 0) return { connections: null, faults: [] };
  try {
    const connections = await native.connections(
      [...new Set([...members, ...sshd.genuine.keys()])],
      procRoot,
    );
    return { connections, faults: connections.faults };
  } catch (error) {
    const fault: Fault = { what: "list sockets", detail: (error as Error).message };
    const none: Connections = {
      complete: false,
      source: "none",
      links: [],
      unreadable: [],
      foreignNet: [],
      established: { tcp: 0, unix: 0 },
      faults: [fault],
    };
    return { connections: none, faults: [fault] };
  }
}

/** Reads the environments of the leaders of trees alone; null is one that could not be read. */
async function readEnvironments(
  native: Native,
  { trees, catalogue }: HostView,
  procRoot: string,
): Promise<{ variables: Map<number, readonly string[] | null>; faults: readonly Fault[] }> {
  const leaders = trees.flatMap(leadersOf);
  const variables = new Map<number, readonly string[] | null>(leaders.map(({ pid }) => [pid, null]));
  // Guard: a process whose command line hung would hang again, and is reported already.
  const asked = leaders.filter(({ argvStatus }) => argvStatus !== "timeout");
  if (asked.length === 0) return { variables, faults: [] };
  try {
    const { results, faults } = await native.environNames({
      procRoot,
      processes: asked.map(({ pid, startTime, uid }) => ({ pid, startTime, uid })),
      names: jobVariableNames(catalogue),
      timeoutMs: ARGV_TIMEOUT_MS,
      budgetMs: ARGV_BUDGET_MS,
    });
    for (const { pid, names } of results) variables.set(pid, names);
    return { variables, faults };
  } catch (error) {
    return { variables, faults: [{ what: "read environments", detail: (error as Error).message }] };
  }
}
