/** Observe: one immutable look at the host: its processes, then the sockets of what may be a tree. */

import type { Catalogue } from "../core/recognition/catalogue.ts";
import { scanMarkers } from "../core/recognition/scan-markers.ts";
import { jobVariableNames } from "../core/tree/batch-job.ts";
import { type HostView, viewOf } from "../core/tree/host-view.ts";
import { skippedUsers } from "../core/verdict/skipped-users.ts";
import { EXIT, Failure } from "./failure.ts";
import type { Native } from "./host/native.ts";
import { subordinateUids } from "./host/subordinate-uids.ts";
import { observationOf, PROC, readConnections, withoutRepeats } from "./read-host.ts";
import { KEEP_PROGRAM } from "./store/paths.ts";
import { actsForHost } from "./store/service-account.ts";
import { readStates } from "./store/states.ts";
import { readTags } from "./store/tags.ts";

export interface ObserveOptions {
  readonly catalogue: Catalogue;
  /** Only these users; null: all that this program may see. */
  readonly uids: readonly number[] | null;
  /** Every process of those users, whether or not any looks like a server's. */
  readonly full: boolean;
  /** Whether to look at sockets; without them no tree can be said to be unconnected. */
  readonly sockets: boolean;
  /** Whether to look for batch job variables as well. */
  readonly environments: boolean;
  readonly runFolder: string;
  /**
   * The shortest grace of the policy in milliseconds. If it is given, a first stage finds the users all of whose trees are
   * below a session or young, and the look skips them. Absent: it skips none.
   */
  readonly shortestGrace?: number | undefined;
}

/** For command lines and, again, for environments: for one process and for all, in milliseconds. */
const MEMORY_TIMES = { timeoutMs: 200, budgetMs: 5000 };

/** Takes one look at the host, and returns it with what is derived from it. @throws Failure */
export async function observe(native: Native, options: ObserveOptions): Promise<HostView> {
  const first = await readProcesses(native, options).catch((error: NodeJS.ErrnoException) => {
    const why = `${error.message}; ${remedyFor(error)}`;
    throw new Failure(EXIT.failed, `cannot read the process table in ${PROC}: ${why}`);
  });
  if (!options.sockets) return first;
  const connections = await readConnections(native, pidsToAsk(first));
  const faults = withoutRepeats([...first.observation.faults, ...(connections?.faults ?? [])]);
  return { ...first, observation: { ...first.observation, connections, faults } };
}

/** Reads processes, tags and states. */
async function readProcesses(native: Native, options: ObserveOptions): Promise<HostView> {
  const { catalogue, uids, full, environments, runFolder, shortestGrace } = options;
  const markers = scanMarkers(catalogue);
  const raw = await native.snapshot({
    procRoot: PROC,
    ...(actsForHost() && { observerUid: 0 }),
    owners: subordinateUids(),
    uids,
    full,
    staged: shortestGrace !== undefined,
    ...markers,
    exeMarkers: [...markers.exeMarkers, KEEP_PROGRAM],
    jobVariables: environments ? jobVariableNames(catalogue) : [],
    ...MEMORY_TIMES,
  });
  const { faults, ...notes } = readStates(runFolder, raw.bootId, raw.uptime);
  const { tags, faults: ofTags } = readTags(runFolder, raw.bootId);
  const known = { ...notes, tags, faults: [...ofTags, ...faults] };
  const seen = viewOf(observationOf(raw, known), catalogue);
  if (!raw.rest || shortestGrace === undefined) return seen;
  const skipped = skippedUsers(seen, raw.chain ?? [], shortestGrace);
  const rest = observationOf(await native.finishSnapshot(raw.rest, skipped), known);
  return viewOf({ ...rest, ...(skipped.length > 0 && { skipped }) }, catalogue);
}

function remedyFor({ code }: NodeJS.ErrnoException): string {
  if (code === "EMFILE" || code === "ENFILE") return "raise the limit of open files (LimitNOFILE=)";
  if (code === "ENOMEM") return "raise the limit of memory (MemoryMax=, ulimit -v)";
  return "is proc mounted there, and whole (no subset=pid)?";
}

/** The members of trees, what started them, and ssh servers: of no other process are descriptors read. */
function pidsToAsk({ trees, sshd }: HostView): number[] {
  const near = trees.flatMap(({ uid, members, ancestors }) => [
    ...members,
    ...ancestors.filter((one) => one.uid === uid),
  ]);
  if (near.length === 0) return [];
  const all = [...near, ...sshd.genuine.values(), ...sshd.sessions.values()];
  return [...new Set(all.map(({ pid }) => pid))];
}
