/** Completes what the addon reads. Secrets leave the command lines here, before anything can repeat them. */

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Connections } from "../core/observation/connections.ts";
import { type Fault, faultLine } from "../core/observation/fault.ts";
import { keepsIn } from "../core/observation/keep.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { Proc } from "../core/observation/process.ts";
import { redactArgv } from "../core/text/redact.ts";
import type { Native, RawSnapshot } from "./host/native.ts";
import { subordinateUids } from "./host/subordinate-uids.ts";
import { KEEP_PROGRAM } from "./store/paths.ts";
import { actsForHost } from "./store/service-account.ts";

/** Where proc is mounted. */
export const PROC = "/proc";
/** Its bit in a set of capabilities (linux/capability.h). */
const CAP_SYS_PTRACE = 1n << 19n;

/** Makes an observation of what the addon read of the processes, and what earlier sweeps and the hook left. */
export function observationOf(
  raw: RawSnapshot,
  known: Pick<Observation, "tags" | "lastSweepAt" | "states" | "survivors" | "faults">,
): Observation {
  const { overBudget, chain: _chain, rest: _rest, ...read } = raw;
  return {
    schemaVersion: 1,
    host: hostname(),
    source: "proc",
    ...read,
    // The unit's account sees what root sees, by its capabilities.
    observerUid: actsForHost() ? 0 : (process.geteuid?.() ?? -1),
    processes: raw.processes.map((process): Proc => ({ ...process, argv: redactArgv(process.argv) })),
    ...(overBudget.length > 0 && { overBudget }),
    connections: null,
    ...known,
    keeps: keepsIn(raw, KEEP_PROGRAM),
    ownCgroups: ownCgroups(),
    faults: [...missingSight(), ...raw.faults, ...known.faults],
  };
}

/**
 * Root, or the account that acts for root, without CAP_SYS_PTRACE reads neither executables nor descriptors of other
 * users' processes, and where proc is mounted with hidepid it does not even see these processes (proc(5)).
 */
function missingSight(): Fault[] {
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readOwn("status"))?.[1] ?? "0"}`);
  if (!actsForHost() || (held & CAP_SYS_PTRACE) !== 0n) return [];
  const detail = "CAP_SYS_PTRACE is missing; add it to the unit's CapabilityBoundingSet";
  return [{ what: "see other users' processes", detail }];
}

function ownCgroups(): string[] {
  const lines = readOwn("cgroup").split("\n").filter(Boolean);
  return [...new Set(lines.map((line) => line.split(":").slice(2).join(":")))];
}

/** Reads what the kernel says of this program; empty where it says nothing, as of cgroups in a kernel without them. */
function readOwn(file: "status" | "cgroup"): string {
  try {
    return readFileSync(`/proc/self/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** Lists the sockets of these processes alone: listing descriptors is expensive. Null: none were asked. */
export async function readConnections(native: Native, pids: readonly number[]): Promise<Connections | null> {
  if (pids.length === 0) return null;
  try {
    const connections = await native.connections(pids, PROC, subordinateUids());
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
