/** Observe: one immutable look at the host. Secrets leave the command lines here, before anything can repeat them. */
import { hostname } from "node:os";
import { type Catalogue, scanMarkers } from "../core/catalogue.ts";
import { findSshd } from "../core/evidence.ts";
import { growTrees, makeTable } from "../core/forest.ts";
import { redactArgv } from "../core/text.ts";
import type { Connections, Fault, Observation, Proc } from "../core/types.ts";
import type { Native } from "./native.ts";
import { readState } from "./state.ts";

export interface ObserveOptions {
  readonly catalogue: Catalogue;
  /** Only these users; null: all that this program may see. */
  readonly uids: readonly number[] | null;
  /** Every process of those users, whether or not any looks like a server's. */
  readonly full: boolean;
  /** Whether to look at sockets; without them nobody can be said to be unconnected. */
  readonly sockets: boolean;
  readonly runFolder: string;
  readonly procRoot: string;
}

/** The process table could not be had at all. */
export class ObserveError extends Error {}

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
        `cannot read the process table in ${procRoot}: ${error.message}; is proc mounted there?`,
      );
    });
  const processes = raw.processes.map((process): Proc => ({ ...process, argv: redactArgv(process.argv) }));
  const { connections, faults } = sockets
    ? await look(native, processes, catalogue, procRoot)
    : { connections: null, faults: [] };
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
    processes,
    counts: raw.counts,
    connections,
    tags: state.tags,
    marks: state.marks,
    faults: [...raw.faults, ...faults, ...state.faults],
  };
}

/** Sockets are looked at for the processes of trees and for ssh servers alone: descriptors are dear to list. */
async function look(
  native: Native,
  processes: readonly Proc[],
  catalogue: Catalogue,
  procRoot: string,
): Promise<{ connections: Connections | null; faults: readonly Fault[] }> {
  const members = growTrees(makeTable(processes), catalogue).flatMap((tree) => tree.members);
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
