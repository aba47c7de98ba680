/** Observe: one immutable look at the host: its processes, then the sockets of what may be a tree. */

import type { Policy } from "../core/policy/policy.ts";
import { scanMarkers } from "../core/recognition/scan-markers.ts";
import { jobVariableNames } from "../core/tree/batch-job.ts";
import { type HostView, viewOf } from "../core/tree/host-view.ts";
import { shortestGrace } from "../core/verdict/grace.ts";
import { skippedUsers } from "../core/verdict/skipped-users.ts";
import { EXIT, Failure } from "./failure.ts";
import type { Native } from "./host/native.ts";
import { subordinateUids } from "./host/subordinate-uids.ts";
import { observationOf, PROC, readConnections, withoutRepeats } from "./read-host.ts";
import { KEEP_PROGRAM } from "./store/paths.ts";
import { actsForHost } from "./store/service-account.ts";
import { readStates } from "./store/states.ts";
import { readTags } from "./store/tags.ts";

/**
 * How much a look reads. `staged`: no more of users all of whose trees are below a session or younger than the shortest grace,
 * as parents and ages show. `suspects`: what may be a server, and below it. `all`: every process of the users. `processes`:
 * these without sockets and environments, and no tree can be said to be unconnected.
 */
export type Reach = "staged" | "suspects" | "all" | "processes";

/** For command lines and, again, for environments: for one process and for all, in milliseconds. */
const MEMORY_TIMES = { timeoutMs: 200, budgetMs: 5000 };

export interface LookOptions {
  readonly native: Native;
  readonly runFolder: string;
  readonly policy: Policy;
  /** Only these users; null: all that this program may see. */
  readonly uids: readonly number[] | null;
  readonly reach: Reach;
}

/** Takes one look at the host, and returns it with what is derived from it. @throws Failure */
export async function observe(options: LookOptions): Promise<HostView> {
  const first = await readProcesses(options).catch((error: NodeJS.ErrnoException) => {
    const why = `${error.message}; ${remedyFor(error)}`;
    throw new Failure(EXIT.failed, `cannot read the process table in ${PROC}: ${why}`);
  });
  if (options.reach === "processes") return first;
  const connections = await readConnections(options.native, pidsToAsk(first));
  const faults = withoutRepeats([...first.observation.faults, ...(connections?.faults ?? [])]);
  return { ...first, observation: { ...first.observation, connections, faults } };
}

/** Reads processes, tags and states. */
async function readProcesses({ native, runFolder, policy, uids, reach }: LookOptions): Promise<HostView> {
  const { catalogue, jobEnvironment } = policy;
  const markers = scanMarkers(catalogue);
  const raw = await native.snapshot({
    procRoot: PROC,
    ...(actsForHost() && { observerUid: 0 }),
    owners: subordinateUids(),
    uids,
    full: reach === "all" || reach === "processes",
    staged: reach === "staged",
    ...markers,
    exeMarkers: [...markers.exeMarkers, KEEP_PROGRAM],
    jobVariables: jobEnvironment === "exempt" && reach !== "processes" ? jobVariableNames(catalogue) : [],
    ...MEMORY_TIMES,
  });
  const { faults, ...notes } = readStates(runFolder, raw.bootId, raw.uptime);
  const { tags, faults: ofTags } = readTags(runFolder, raw.bootId);
  const known = { ...notes, tags, faults: [...ofTags, ...faults] };
  const seen = viewOf(observationOf(raw, known), catalogue);
  if (!raw.rest) return seen;
  const skipped = skippedUsers(seen, raw.chain ?? [], shortestGrace(policy));
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
