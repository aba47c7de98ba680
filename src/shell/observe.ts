/** Observe: one immutable look at the host, in stages that each read what the one before left open. */

import { dependsOnUnasked, usersToAsk } from "../core/evidence/evidence.ts";
import { type HostView, viewOf, withFacts, withJobVariables } from "../core/evidence/host-view.ts";
import { casesByUser, pidsThatMaySettle, settledUsers } from "../core/evidence/settled.ts";
import { mayRelay } from "../core/evidence/use-graph.ts";
import { mergeConnections, mergeProcesses } from "../core/observation/merge.ts";
import type { Observation } from "../core/observation/observation.ts";
import { Environments } from "./environments.ts";
import type { Native } from "./host/native.ts";
import {
  readConnections,
  readFirstTable,
  readProcessTable,
  readRestOfTable,
  type TableOptions,
  withoutRepeats,
} from "./read-host.ts";
import { readKeeps } from "./store/keep-requests.ts";

export interface ObserveOptions extends TableOptions {
  /** Whether to look at sockets; without them no tree can be said to be unconnected. */
  readonly sockets: boolean;
  /** Whether to look for batch job variables as well, where sockets are looked at (default true). */
  readonly environments?: boolean;
  /**
   * The shortest grace of the policy in milliseconds. If it is given, a first stage finds the users whose trees all stay,
   * and the look skips them. Absent: the look skips no user.
   */
  readonly shortestGrace?: number | undefined;
  /** Where users ask for their trees to be kept, and for how long at most in milliseconds; absent: not read. */
  readonly keeps?: { readonly folder: string; readonly max: number };
}

/**
 * Takes one look at the host. Of users with a tree that may be reached through another process of theirs, and is not in
 * use as far as the first sockets show, it reads all processes and their sockets in a further stage; what it returns is
 * one observation, with what is derived from it. @throws ObserveError
 */
export async function observe(native: Native, options: ObserveOptions): Promise<HostView> {
  const first = viewOf(await readUnsettled(native, options), options.catalogue);
  if (!options.sockets) return first;
  const environments = new Environments(native, options.procRoot);
  const readEnvironments = async (view: HostView): Promise<void> =>
    options.environments === false ? undefined : environments.read(view);
  const asked = options.full ? (options.uids ?? []) : [];
  const pids = pidsToAsk(first, asked);
  // A quick look does: before the first signal a full one follows, which is thorough.
  const [connections] = await Promise.all([
    readConnections(native, pids, options.procRoot, !options.full),
    readEnvironments(first),
  ]);
  let seen = withFacts(first, { connections, relaysOf: asked });
  const users = options.full || connections === null ? [] : usersToAsk(seen);
  if (users.length > 0) {
    seen = await addRelays(native, options, seen, pids, users);
    await readEnvironments(seen);
  }
  // Guard: a client may be of a user who was left out. Without root it could not be seen anyway.
  const isPartial = seen.observation.settled !== undefined || (options.uids !== null && !options.full);
  if (isPartial && seen.observation.observerUid === 0 && dependsOnUnasked(seen))
    return observe(native, { ...options, uids: null, shortestGrace: undefined });
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

/** Reads the process table, and with `shortestGrace` only of users who are not settled. */
async function readUnsettled(native: Native, options: ObserveOptions): Promise<Observation> {
  const { shortestGrace: grace, catalogue, procRoot } = options;
  if (grace === undefined) return readProcessTable(native, options);
  const { observation, chain, rest } = await readFirstTable(native, options);
  if (rest === null) return observation;
  const view = viewOf(observation, catalogue);
  const cases = casesByUser({ view, chain, grace });
  const connections = await readConnections(native, pidsThatMaySettle(cases, view), procRoot, true);
  const settled = settledUsers(cases, withFacts(view, { connections }));
  const known = new Set(settled);
  const isOpen = chain.some(({ suspect, uid }) => suspect && !known.has(uid));
  return isOpen ? readRestOfTable(native, options, rest, settled) : { ...observation, settled };
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
  const settled = seen.settled?.filter((uid) => !users.includes(uid));
  const view = viewOf({ ...seen, processes, relaysOf: users, settled, faults }, options.catalogue);
  const askedAgain = pidsToAsk(view, users, users);
  const connections = await readConnections(native, askedAgain, options.procRoot, !options.full);
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
