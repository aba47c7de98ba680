/** Observe: one immutable look at the host: its processes, then the sockets of what may be a tree. */

import { type HostView, viewOf } from "../core/tree/host-view.ts";
import { skippedUsers } from "../core/verdict/skipped-users.ts";
import type { Native } from "./host/native.ts";
import {
  readConnections,
  readProcessTable,
  type SkippedUsers,
  type TableOptions,
  withoutRepeats,
} from "./read-host.ts";

export interface ObserveOptions extends TableOptions {
  /** Whether to look at sockets; without them no tree can be said to be unconnected. */
  readonly sockets: boolean;
  /**
   * The shortest grace of the policy in milliseconds. If it is given, a first stage finds the users all of whose trees are
   * below a session or young, and the look skips them. Absent: it skips none.
   */
  readonly shortestGrace?: number | undefined;
}

/** Takes one look at the host, and returns it with what is derived from it. @throws Failure */
export async function observe(native: Native, options: ObserveOptions): Promise<HostView> {
  const { shortestGrace: grace, catalogue } = options;
  const toSkip: SkippedUsers | null =
    grace === undefined ? null : (seen, chain) => skippedUsers(viewOf(seen, catalogue), chain, grace);
  const first = viewOf(await readProcessTable(native, options, toSkip), catalogue);
  if (!options.sockets) return first;
  const connections = await readConnections(native, pidsToAsk(first), options.procRoot);
  const faults = withoutRepeats([...first.observation.faults, ...(connections?.faults ?? [])]);
  return { ...first, observation: { ...first.observation, connections, faults } };
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
