/** The parts of a look: processes, and their sockets. Secrets leave the command lines here. */

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Connections } from "../core/observation/connections.ts";
import { type Fault, markExceeded } from "../core/observation/fault.ts";
import { mergeCompleted } from "../core/observation/merge.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { Proc } from "../core/observation/process.ts";
import type { Catalogue } from "../core/recognition/catalogue.ts";
import { scanMarkers } from "../core/recognition/scan-markers.ts";
import { redactArgv } from "../core/text/redact.ts";
import { capabilities } from "./host/capabilities.ts";
import type { Native, RawSnapshot, SnapshotOptions } from "./host/native.ts";
import { subordinateUids } from "./host/subordinate-uids.ts";
import { actsForHost } from "./store/service-account.ts";
import { readState } from "./store/tags-and-marks.ts";

/** The process table could not be read at all. */
export class ObserveError extends Error {}

const ARGV_TIMEOUT_MS = 200;
const ARGV_BUDGET_MS = 5000;
const CAP_SYS_PTRACE = 19;

export interface TableOptions {
  readonly catalogue: Catalogue;
  /** Only these users; null: all that this program may see. */
  readonly uids: readonly number[] | null;
  /** Every process of those users, whether or not any looks like a server's. */
  readonly full: boolean;
  readonly runFolder: string;
  readonly procRoot: string;
}

/** Reads processes, tags and marks; `partial`: of trees only what `Proc.partial` says. @throws ObserveError */
export async function readProcessTable(
  native: Native,
  options: TableOptions,
  partial = false,
): Promise<Observation> {
  const { uids, full } = options;
  const raw = await snapshot(native, options, { uids, full, partial });
  const state = readState(options.runFolder, raw.bootId);
  return {
    schemaVersion: 1,
    host: hostname(),
    source: "proc",
    bootId: raw.bootId,
    takenAt: raw.takenAt,
    uptime: raw.uptime,
    ticksPerSecond: raw.ticksPerSecond,
    // The unit's account sees what root sees, by its capabilities.
    observerUid: actsForHost() ? 0 : (process.geteuid?.() ?? -1),
    processes: raw.processes.map(withoutSecrets),
    counts: raw.counts,
    ...(raw.overBudget.length > 0 && { overBudget: raw.overBudget }),
    connections: null,
    tags: state.tags,
    marks: state.marks,
    keeps: [],
    ownCgroups: readOwnCgroups(),
    faults: [...missingSight(), ...markExceeded(raw.faults), ...state.faults],
  };
}

/** Reads the rest of what is to be known of partly read processes. @throws ObserveError */
export async function completeProcesses(
  native: Native,
  options: TableOptions,
  seen: Observation,
  partial: readonly Proc[],
): Promise<Observation> {
  if (partial.length === 0) return seen;
  const pids = partial.map(({ pid }) => pid);
  const raw = await snapshot(native, options, { uids: null, full: true, pids });
  const overBudget = [...new Set([...(seen.overBudget ?? []), ...raw.overBudget])];
  return {
    ...seen,
    processes: mergeCompleted(seen.processes, raw.processes.map(withoutSecrets), partial),
    ...(overBudget.length > 0 && { overBudget }),
    faults: [...seen.faults, ...markExceeded(raw.faults)],
  };
}

const withoutSecrets = (process: Proc): Proc => ({ ...process, argv: redactArgv(process.argv) });

async function snapshot(
  native: Native,
  { catalogue, procRoot }: TableOptions,
  chosen: Pick<SnapshotOptions, "uids" | "full" | "partial" | "pids">,
): Promise<RawSnapshot> {
  return native
    .snapshot({
      procRoot,
      ...(actsForHost() && { observerUid: 0 }),
      owners: subordinateUids(),
      ...chosen,
      ...scanMarkers(catalogue),
      argvTimeoutMs: ARGV_TIMEOUT_MS,
      argvBudgetMs: ARGV_BUDGET_MS,
    })
    .catch((error: Error) => {
      throw new ObserveError(
        `cannot read the process table in ${procRoot}: ${error.message}; ${remedyFor(error)}`,
      );
    });
}

/**
 * Root, or the account that acts for root, without CAP_SYS_PTRACE reads neither executables nor descriptors of other
 * users' processes, and where proc is mounted with hidepid it does not even see these processes (proc(5)).
 */
function missingSight(): Fault[] {
  if (!actsForHost() || capabilities().includes(CAP_SYS_PTRACE)) return [];
  const detail = "CAP_SYS_PTRACE is missing; add it to the unit's CapabilityBoundingSet";
  return [{ what: "see other users' processes", detail }];
}

/** The paths of /proc/self/cgroup; none in a kernel without cgroups. */
function readOwnCgroups(): string[] {
  try {
    const lines = readFileSync("/proc/self/cgroup", "utf8").split("\n").filter(Boolean);
    return [...new Set(lines.map((line) => line.split(":").slice(2).join(":")))];
  } catch {
    return [];
  }
}

function remedyFor({ code }: NodeJS.ErrnoException): string {
  if (code === "EMFILE" || code === "ENFILE") return "raise the limit of open files (LimitNOFILE=)";
  if (code === "ENOMEM") return "raise the limit of memory (MemoryMax=, ulimit -v)";
  return "is proc mounted there, and whole (no subset=pid)?";
}

/** Lists the sockets of these processes alone: listing descriptors is expensive. Null: none were asked. */
export async function readConnections(
  native: Native,
  pids: readonly number[],
  procRoot: string,
): Promise<Connections | null> {
  if (pids.length === 0) return null;
  try {
    const connections = await native.connections(pids, procRoot, subordinateUids());
    return { ...connections, faults: markExceeded(connections.faults) };
  } catch (error) {
    return {
      complete: false,
      source: "none",
      links: [],
      unreadable: [],
      foreignNet: [],
      established: { tcp: 0, unix: 0 },
      faults: [{ what: "list sockets", detail: (error as Error).message }],
    };
  }
}
