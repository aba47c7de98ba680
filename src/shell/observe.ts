/** Observe: one immutable look at the host. Secrets leave the command lines here, before anything can repeat them. */

import { hostname } from "node:os";
import { findSshd } from "../core/evidence/sshd.ts";
import type { Connections } from "../core/observation/connections.ts";
import type { Fault } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { Proc } from "../core/observation/process.ts";
import type { Catalogue } from "../core/recognition/catalogue.ts";
import { scanMarkers } from "../core/recognition/scan-markers.ts";
import { redactArgv } from "../core/text/safe-text.ts";
import { jobVariableNames } from "../core/tree/batch-job.ts";
import { makeTable } from "../core/tree/process-table.ts";
import { growTrees, leadersOf, type Tree } from "../core/tree/tree.ts";
import type { Native } from "./host/native.ts";
import { readKeeps } from "./store/keep-requests.ts";
import { readState } from "./store/tags-and-marks.ts";

export interface ObserveOptions {
  readonly catalogue: Catalogue;
  /** Only these users; null: all that this program may see. */
  readonly uids: readonly number[] | null;
  /** Every process of those users, whether or not any looks like a server's. */
  readonly full: boolean;
  /** Whether to look at sockets; without them nobody can be said to be unconnected. */
  readonly sockets: boolean;
  /** Whether to look for batch job variables as well, where sockets are looked at (default true). */
  readonly environments?: boolean;
  readonly runFolder: string;
  /** Where users ask for their trees, and for how long at most, in milliseconds; absent: nobody is asked. */
  readonly keeps?: { readonly folder: string; readonly max: number };
  readonly procRoot: string;
}

/** The process table could not be had at all. */
export class ObserveError extends Error {}

// For command lines and, again, for environments.
const ARGV_TIMEOUT_MS = 200;
const ARGV_BUDGET_MS = 5000;

export async function observe(native: Native, options: ObserveOptions): Promise<Observation> {
  const { catalogue, uids, full, sockets, procRoot } = options;
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
  const processes = raw.processes.map((process): Proc => ({ ...process, argv: redactArgv(process.argv) }));
  const trees = sockets ? growTrees(makeTable(processes), catalogue) : [];
  const [{ connections, faults }, environs] = await Promise.all([
    sockets ? look(native, trees, processes, catalogue, procRoot) : { connections: null, faults: [] },
    readEnvironments(native, options.environments === false ? [] : trees, catalogue, procRoot),
  ]);
  const owners = uids ?? [...new Set(trees.map(({ uid }) => uid))];
  const { folder, max } = (sockets && options.keeps) || { folder: "", max: 0 };
  const kept = readKeeps(folder, owners, max, raw.takenAt);
  const state = readState(options.runFolder, raw.bootId);
  return {
    schemaVersion: 1,
    host: hostname(),
    source: "proc",
    bootId: raw.bootId,
    takenAt: raw.takenAt,
    uptime: raw.uptime,
    ticksPerSecond: raw.ticksPerSecond,
    observerUid: process.geteuid?.() ?? -1,
    processes: processes.map((process): Proc => {
      const jobVariables = environs.variables.get(process.pid);
      return jobVariables === undefined ? process : { ...process, jobVariables };
    }),
    counts: raw.counts,
    connections,
    tags: state.tags,
    marks: state.marks,
    keeps: kept.keeps,
    faults: [...raw.faults, ...faults, ...environs.faults, ...state.faults, ...kept.faults],
  };
}

function remedyFor({ code }: NodeJS.ErrnoException): string {
  if (code === "EMFILE" || code === "ENFILE") return "raise the limit of open files (LimitNOFILE=)";
  if (code === "ENOMEM") return "raise the limit of memory (MemoryMax=, ulimit -v)";
  return "is proc mounted there, and whole (no subset=pid)?";
}

/** Sockets are looked at for the processes of trees and for ssh servers alone: descriptors are dear to list. */
async function look(
  native: Native,
  trees: readonly Tree[],
  processes: readonly Proc[],
  catalogue: Catalogue,
  procRoot: string,
): Promise<{ connections: Connections | null; faults: readonly Fault[] }> {
  const members = trees.flatMap((tree) => tree.members);
  if (members.length === 0) return { connections: null, faults: [] };
  const sshd = [...findSshd(processes, catalogue).genuine.keys()];
  const pids = [...new Set([...members.map(({ pid }) => pid), ...sshd])];
  try {
    const connections = await native.connections(pids, procRoot);
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

/** Environments are read of the leaders of trees alone; null is one that could not be read. */
async function readEnvironments(
  native: Native,
  trees: readonly Tree[],
  catalogue: Catalogue,
  procRoot: string,
): Promise<{ variables: Map<number, readonly string[] | null>; faults: readonly Fault[] }> {
  const leaders = trees.flatMap(leadersOf);
  const variables = new Map<number, readonly string[] | null>(leaders.map(({ pid }) => [pid, null]));
  // Guard: whose command line hung would hang again, and has told so already.
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
