/** Observe: one immutable look at the host, in steps that each read only what may still decide something. */

import { needsUsersAtWork, topmostPartial, usersAtWork } from "../core/evidence/at-work.ts";
import { usersToAsk } from "../core/evidence/evidence.ts";
import { type HostView, viewOf } from "../core/evidence/host-view.ts";
import { mayRelay } from "../core/evidence/use-graph.ts";
import { type Fault, faultLine } from "../core/observation/fault.ts";
import { mergeConnections, mergeProcesses } from "../core/observation/merge.ts";
import type { Observation } from "../core/observation/observation.ts";
import { Environments } from "./host/environments.ts";
import type { Native } from "./host/native.ts";
import { completeProcesses, readConnections, readProcessTable, type TableOptions } from "./read-host.ts";
import { readKeeps } from "./store/keep-requests.ts";

export interface ObserveOptions extends TableOptions {
  /** Whether to look at sockets; without them no tree can be said to be unconnected. */
  readonly sockets: boolean;
  /** Whether to look for batch job variables as well, where sockets are looked at (default true). */
  readonly environments?: boolean;
  /** Whether to leave out what cannot change what is decided and recorded (default false). */
  readonly staged?: boolean;
  /** Where users ask for their trees to be kept, and for how long at most in milliseconds; absent: not read. */
  readonly keeps?: { readonly folder: string; readonly max: number };
}

/**
 * Takes one look at the host. A staged one reads of users at work no more than shows that they are. Of users with a tree
 * that may be reached through another process of theirs, and is not in use as far as the first sockets show, it reads all
 * processes and their sockets in a further step; what it returns is one observation. @throws ObserveError
 */
export async function observe(native: Native, options: ObserveOptions): Promise<Observation> {
  const { sockets, staged = false, catalogue } = options;
  if (!sockets) return readProcessTable(native, options);
  const asked = options.full ? (options.uids ?? []) : [];
  const read = await (staged ? readInStages(native, options) : readProcessTable(native, options));
  const table = { ...read, relaysOf: asked };
  const environments = new Environments(native, options.procRoot);
  const readEnvironments = async (of: Observation): Promise<void> =>
    options.environments === false ? undefined : environments.read(viewOf(of, catalogue));
  let [seen] = await Promise.all([addSockets(native, options, table), readEnvironments(table)]);
  if (seen.atWork !== undefined && needsUsersAtWork(viewOf(seen, catalogue))) {
    const { atWork: _, ...nobody } = seen;
    seen = await addSockets(native, options, await addTheRest(native, options, nobody));
    await readEnvironments(seen);
  }
  const view = viewOf(seen, catalogue);
  const users = options.full || seen.connections === null ? [] : usersToAsk(view);
  if (users.length > 0) {
    seen = await addRelays(native, options, seen, pidsToAsk(view, asked), users);
    await readEnvironments(seen);
  }
  const owners = options.uids ?? [...new Set(view.trees.map(({ uid }) => uid))];
  const { folder, max } = options.keeps ?? { folder: "", max: 0 };
  const { keeps, faults } = readKeeps(folder, owners, max, table.takenAt);
  return {
    ...seen,
    processes: environments.addTo(seen.processes),
    keeps,
    faults: withoutRepeats([
      ...seen.faults,
      ...(seen.connections?.faults ?? []),
      ...environments.faults,
      ...faults,
    ]),
  };
}

/** Reads parents and executables, then roots and the ssh servers' sockets, then the rest of who is not at work. */
async function readInStages(native: Native, options: ObserveOptions): Promise<Observation> {
  const table = await readProcessTable(native, options, true);
  const topmost = topmostPartial(viewOf(table, options.catalogue));
  if (topmost.length === 0) return table;
  const rooted = await completeProcesses(native, options, table, topmost);
  const view = viewOf(rooted, options.catalogue);
  const connections = await readConnections(native, [...view.sshd.genuine.keys()], options.procRoot);
  const seen = { ...rooted, connections };
  const atWork = usersAtWork({ ...view, observation: seen }, topmost);
  return addTheRest(native, options, { ...seen, ...(atWork.length > 0 && { atWork }) });
}

/** Reads the rest of the partly read processes of all who are not at work. */
async function addTheRest(native: Native, options: ObserveOptions, seen: Observation): Promise<Observation> {
  const rest = seen.processes.filter(({ partial, uid }) => partial && !seen.atWork?.includes(uid));
  return completeProcesses(native, options, seen, rest);
}

/** Reads the sockets of trees and ssh servers. Where all trees are of users at work, those of the servers are known. */
async function addSockets(native: Native, options: ObserveOptions, seen: Observation): Promise<Observation> {
  const pids = pidsToAsk(viewOf(seen, options.catalogue), seen.relaysOf ?? []);
  return pids.length === 0
    ? seen
    : { ...seen, connections: await readConnections(native, pids, options.procRoot) };
}

/** Adds all processes of some users and their sockets to an observation. */
async function addRelays(
  native: Native,
  options: ObserveOptions,
  seen: Observation,
  asked: readonly number[],
  users: readonly number[],
): Promise<Observation> {
  const table = await readProcessTable(native, { ...options, uids: users, full: true });
  const atWork = seen.atWork?.filter((uid) => !users.includes(uid));
  const whole = {
    ...seen,
    processes: mergeProcesses(seen.processes, table.processes, users),
    relaysOf: users,
    ...(atWork && { atWork }),
    faults: [...seen.faults, ...table.faults],
  };
  const askedAgain = pidsToAsk(viewOf(whole, options.catalogue), users, users);
  const connections = await readConnections(native, askedAgain, options.procRoot);
  if (!seen.connections || !connections) return whole;
  const steps = [
    { asked, connections: seen.connections },
    { asked: askedAgain, connections },
  ] as const;
  return { ...whole, connections: mergeConnections(...steps) };
}

/** The members of trees (of `only` these users, and not at work), ssh servers, and every process of the users in `relaysOf`. */
function pidsToAsk(
  { trees, sshd, observation: { processes, atWork } }: HostView,
  relaysOf: readonly number[],
  only: readonly number[] | null = null,
): number[] {
  const asked = trees.filter(({ uid }) => !atWork?.includes(uid) && (only === null || only.includes(uid)));
  const members = asked.flatMap((tree) => tree.members);
  if (members.length === 0) return [];
  const relays = processes.filter((process) => relaysOf.includes(process.uid) && mayRelay(process));
  const pids = [...members, ...sshd.genuine.values(), ...sshd.impostors, ...relays].map(({ pid }) => pid);
  return [...new Set(pids)];
}

/** Without faults that both steps met. */
function withoutRepeats(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((fault) => [faultLine(fault), fault])).values()];
}
