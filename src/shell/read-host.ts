/** Reads this host's process table and sockets. Secrets leave the command lines here, before anything can repeat them. */

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Connections } from "../core/observation/connections.ts";
import { type Fault, faultLine } from "../core/observation/fault.ts";
import { keepsIn } from "../core/observation/keep.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { Proc } from "../core/observation/process.ts";
import type { Catalogue } from "../core/recognition/catalogue.ts";
import { scanMarkers } from "../core/recognition/scan-markers.ts";
import { redactArgv } from "../core/text/redact.ts";
import { jobVariableNames } from "../core/tree/batch-job.ts";
import type { ChainProcess } from "../core/verdict/skipped-users.ts";
import { EXIT, Failure } from "./failure.ts";
import { capabilities } from "./host/capabilities.ts";
import type { Native, RawSnapshot } from "./host/native.ts";
import { subordinateUids } from "./host/subordinate-uids.ts";
import { KEEP_PROGRAM } from "./store/paths.ts";
import { actsForHost } from "./store/service-account.ts";
import { readStates } from "./store/states.ts";
import { readTags } from "./store/tags.ts";

/** Names the users to skip, by a first stage's observation, which has only ssh servers, suspects and what is above those. */
export type SkippedUsers = (seen: Observation, chain: readonly ChainProcess[]) => readonly number[];

export interface TableOptions {
  readonly catalogue: Catalogue;
  /** Only these users; null: all that this program may see. */
  readonly uids: readonly number[] | null;
  /** Every process of those users, whether or not any looks like a server's. */
  readonly full: boolean;
  /** Whether to look for batch job variables as well (default true). */
  readonly environments?: boolean;
  readonly runFolder: string;
  readonly procRoot: string;
}

/** For command lines and, again, for environments: for one process and for all, in milliseconds. */
const MEMORY_TIMES = { timeoutMs: 200, budgetMs: 5000 };
const CAP_SYS_PTRACE = 19;

/** Reads processes, tags and states; with `toSkip` in two stages. @throws Failure */
export async function readProcessTable(
  native: Native,
  options: TableOptions,
  toSkip: SkippedUsers | null = null,
): Promise<Observation> {
  const { catalogue, uids, full, environments = true, procRoot, runFolder } = options;
  try {
    const markers = scanMarkers(catalogue);
    const raw = await native.snapshot({
      procRoot,
      ...(actsForHost() && { observerUid: 0 }),
      owners: subordinateUids(),
      uids,
      full,
      staged: toSkip !== null,
      ...markers,
      exeMarkers: [...markers.exeMarkers, KEEP_PROGRAM],
      jobVariables: environments ? jobVariableNames(catalogue) : [],
      ...MEMORY_TIMES,
    });
    const { lastSweepAt, states, survivors, faults } = readStates(runFolder, raw.bootId, raw.uptime);
    const { tags, faults: ofTags } = readTags(runFolder, raw.bootId);
    const known = { tags, lastSweepAt, states, survivors, faults: [...ofTags, ...faults] };
    const seen = observationOf(raw, known);
    if (!raw.rest || toSkip === null) return seen;
    const skipped = toSkip(seen, raw.chain ?? []);
    const rest = await native.finishSnapshot(raw.rest, skipped);
    return { ...observationOf(rest, known), ...(skipped.length > 0 && { skipped }) };
  } catch (error) {
    const why = `${(error as Error).message}; ${remedyFor(error as Error)}`;
    throw new Failure(EXIT.failed, `cannot read the process table in ${procRoot}: ${why}`);
  }
}

function observationOf(
  raw: RawSnapshot,
  known: Pick<Observation, "tags" | "lastSweepAt" | "states" | "survivors" | "faults">,
): Observation {
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
    processes: raw.processes.map((process): Proc => ({ ...process, argv: redactArgv(process.argv) })),
    counts: raw.counts,
    ...(raw.overBudget.length > 0 && { overBudget: raw.overBudget }),
    connections: null,
    ...known,
    keeps: keepsIn(raw, KEEP_PROGRAM),
    ownCgroups: readOwnCgroups(),
    faults: [...missingSight(), ...raw.faults, ...known.faults],
  };
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
    return { ...connections, faults: withoutRepeats(connections.faults) };
  } catch (error) {
    return {
      complete: false,
      connections: [],
      unreadable: [],
      unlisted: [],
      otherNets: [],
      established: { tcp: 0, unix: 0 },
      faults: [{ what: "list sockets", detail: (error as Error).message }],
    };
  }
}

/** Drops the faults that an earlier step or look met as well. */
export function withoutRepeats(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((fault) => [faultLine(fault), fault])).values()];
}
