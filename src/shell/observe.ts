/** Observe: one immutable look at the host. Secrets leave the command lines here, before anything can repeat them. */

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { usersToAsk } from "../core/evidence/evidence.ts";
import { type HostView, viewOf, withFacts, withJobVariables } from "../core/evidence/host-view.ts";
import { mayRelay } from "../core/evidence/use-graph.ts";
import type { Connections } from "../core/observation/connections.ts";
import { type Fault, faultLine, markExceeded } from "../core/observation/fault.ts";
import { mergeConnections, mergeProcesses } from "../core/observation/merge.ts";
import type { Observation } from "../core/observation/observation.ts";
import { keyOf, type Proc } from "../core/observation/process.ts";
import type { Catalogue } from "../core/recognition/catalogue.ts";
import { scanMarkers } from "../core/recognition/scan-markers.ts";
import { redactArgv } from "../core/text/redact.ts";
import { jobVariableNames } from "../core/tree/batch-job.ts";
import { leadersOf } from "../core/tree/tree.ts";
import { capabilities } from "./host/capabilities.ts";
import type { Native } from "./host/native.ts";
import { subordinateUids } from "./host/subordinate-uids.ts";
import { readKeeps } from "./store/keep-requests.ts";
import { actsForHost } from "./store/service-account.ts";
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
const CAP_SYS_PTRACE = 19;

/**
 * Takes one look at the host. Of users with a tree that may be reached through another process of theirs, and is not in
 * use as far as the first sockets show, it reads all processes and their sockets in a second step; what it returns is
 * one observation, with what is derived from it. @throws ObserveError
 */
export async function observe(native: Native, options: ObserveOptions): Promise<HostView> {
  const first = viewOf(await readProcessTable(native, options), options.catalogue);
  if (!options.sockets) return first;
  const environments = new Environments(native, options);
  const asked = options.full ? (options.uids ?? []) : [];
  const pids = pidsToAsk(first, asked);
  const [connections] = await Promise.all([
    readConnections(native, pids, options.procRoot),
    environments.read(first),
  ]);
  let seen = withFacts(first, { connections, relaysOf: asked });
  const users = options.full || connections === null ? [] : usersToAsk(seen);
  if (users.length > 0) {
    seen = await addRelays(native, options, seen, pids, users);
    await environments.read(seen);
  }
  const { processes, takenAt, faults } = seen.observation;
  const owners = options.uids ?? [...new Set(first.trees.map(({ uid }) => uid))];
  const { folder, max } = options.keeps ?? { folder: "", max: 0 };
  const keeps = readKeeps(folder, owners, max, takenAt);
  const all = [
    ...faults,
    ...(seen.observation.connections?.faults ?? []),
    ...environments.faults,
    ...keeps.faults,
  ];
  return withFacts(withJobVariables(seen, environments.addTo(processes)), {
    keeps: keeps.keeps,
    faults: withoutRepeats(all),
  });
}

/** Adds all processes of some users and their sockets to an observation. */
async function addRelays(
  native: Native,
  options: ObserveOptions,
  { observation: seen }: HostView,
  asked: readonly number[],
  users: readonly number[],
): Promise<HostView> {
  const table = await readProcessTable(native, { ...options, uids: users, full: true });
  const processes = mergeProcesses(seen.processes, table.processes, users);
  const faults = [...seen.faults, ...table.faults];
  const view = viewOf({ ...seen, processes, relaysOf: users, faults }, options.catalogue);
  const askedAgain = pidsToAsk(view, users, users);
  const connections = await readConnections(native, askedAgain, options.procRoot);
  if (seen.connections === null || connections === null) return view;
  const before = { asked, connections: seen.connections };
  return withFacts(view, { connections: mergeConnections(before, { asked: askedAgain, connections }) });
}

/** The members of trees (of `only` these users), ssh servers, and every process of the users in `relaysOf`. */
function pidsToAsk(
  { trees, sshd, observation }: HostView,
  relaysOf: readonly number[],
  only: readonly number[] | null = null,
): number[] {
  const asked = trees.filter(({ uid }) => only === null || only.includes(uid));
  const members = asked.flatMap((tree) => tree.members);
  if (members.length === 0) return [];
  const relays = observation.processes.filter(
    (process) => relaysOf.includes(process.uid) && mayRelay(process),
  );
  const pids = [...members, ...sshd.genuine.values(), ...sshd.impostors, ...relays].map(({ pid }) => pid);
  return [...new Set(pids)];
}

/** Drops the faults that an earlier step or look met as well. */
function withoutRepeats(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((fault) => [faultLine(fault), fault])).values()];
}

/** Reads processes, tags and marks. */
async function readProcessTable(native: Native, options: ObserveOptions): Promise<Observation> {
  const { catalogue, uids, full, procRoot } = options;
  const raw = await native
    .snapshot({
      procRoot,
      ...(actsForHost() && { observerUid: 0 }),
      owners: subordinateUids(),
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
    processes: raw.processes.map((process): Proc => ({ ...process, argv: redactArgv(process.argv) })),
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
async function readConnections(
  native: Native,
  pids: readonly number[],
  procRoot: string,
): Promise<Connections | null> {
  if (pids.length === 0) return null;
  try {
    const connections = await native.connections(pids, procRoot, subordinateUids());
    return { ...connections, faults: withoutRepeats(markExceeded(connections.faults)) };
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

/** The batch job variables of the leaders of trees, each read once. */
class Environments {
  readonly faults: Fault[] = [];
  private readonly native: Native;
  private readonly options: ObserveOptions;
  /** By `keyOf`; null is an environment that could not be read. */
  private readonly variables = new Map<string, readonly string[] | null>();

  constructor(native: Native, options: ObserveOptions) {
    this.native = native;
    this.options = options;
  }

  /** Reads those of leaders that were not read yet. */
  async read({ trees, catalogue }: HostView): Promise<void> {
    if (this.options.environments === false) return;
    const leaders = trees.flatMap(leadersOf).filter((leader) => !this.variables.has(keyOf(leader)));
    for (const leader of leaders) this.variables.set(keyOf(leader), null);
    // Guard: a process whose command line hung would hang again, and is reported already.
    const asked = leaders.filter(({ argvStatus }) => argvStatus !== "timeout");
    if (asked.length === 0) return;
    try {
      const { results, faults } = await this.native.environNames({
        procRoot: this.options.procRoot,
        owners: subordinateUids(),
        processes: asked.map(({ pid, startTime, uid }) => ({ pid, startTime, uid })),
        names: jobVariableNames(catalogue),
        timeoutMs: ARGV_TIMEOUT_MS,
        budgetMs: ARGV_BUDGET_MS,
      });
      for (const [i, leader] of asked.entries()) this.variables.set(keyOf(leader), results[i] ?? null);
      this.faults.push(...markExceeded(faults));
    } catch (error) {
      this.faults.push({ what: "read environments", detail: (error as Error).message });
    }
  }

  addTo(processes: readonly Proc[]): Proc[] {
    return processes.map((process) => {
      const jobVariables = this.variables.get(keyOf(process));
      return jobVariables === undefined ? process : { ...process, jobVariables };
    });
  }
}
