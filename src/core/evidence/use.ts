/** What uses trees: the ssh sessions above them, and what is connected to them from outside. */

import type { Connection } from "../observation/connections.ts";
import { nameOf, type Proc } from "../observation/process.ts";
import { formatDuration } from "../text/duration.ts";
import { clientOfSession, connectionsByPid, type HostView } from "../tree/host-view.ts";
import { sessionUserOf } from "../tree/sshd.ts";
import { type Tree, usersOf } from "../tree/tree.ts";
import type { Group, TreeSources } from "./groups.ts";
import type { Reason, ReasonCode } from "./reasons.ts";

/** The sockets of X11 (path and abstract name) and Wayland; any user may make one, and thereby shield a tree. */
const DISPLAY = /^@?\/tmp\/\.X11-unix\/|\/wayland-[^/]*$/;

/** What may be outside of groups of trees, looked up once for all of them. */
export interface Outside {
  readonly view: HostView;
  /** The connections of each process. */
  readonly of: ReadonlyMap<number, readonly Connection[]>;
  /** By pid of their members: the trees that count as outside for the others, and why. */
  readonly sources: ReadonlyMap<number, readonly [tree: Tree, why: string]>;
  /** Milliseconds; null: a connection counts for ever. */
  readonly silentAfter: number | null;
}

/** Prepares the search for what uses trees. */
export function makeOutside(view: HostView, sources: TreeSources, silentAfter: number | null): Outside {
  // Either end of a pipe or a terminal may be the tree's.
  const of = connectionsByPid(view.observation.connections?.connections ?? [], ({ kind, near, far }) =>
    kind === "pipe" || kind === "terminal" ? [...near, ...far] : near,
  );
  const members = [...sources].flatMap(([tree, why]) =>
    tree.members.map(({ pid }) => [pid, [tree, why] as const] as const),
  );
  return { view, of, sources: new Map(members), silentAfter };
}

/** Lists the ssh sessions above a group of trees. */
export function sessionsAbove({ trees }: Group, outside: Outside): Reason[] {
  const above = trees.flatMap(({ ancestors }) => ancestors.map(({ pid }) => pid));
  const sessions = above.flatMap((pid) => outside.view.sshd.sessions.get(pid) ?? []);
  return sessions.map((session) => sessionWay(session, trees, outside));
}

/**
 * Lists what is connected to a group of trees from outside, sessions first, and says for people which TCP connections have
 * been silent for too long to be use.
 */
export function waysInto(group: Group, outside: Outside): { ways: Reason[]; silent: string[] } {
  const { view, silentAfter } = outside;
  const ways: Reason[] = [];
  const silent: string[] = [];
  for (const connection of connectionsOut(group, outside)) {
    const { near, far, idle, remote } = connection;
    const sessions = [...far, ...near].flatMap((pid) => view.sshd.sessions.get(pid) ?? []);
    if (sessions[0]) ways.unshift(sessionWay(sessions[0], group.trees, outside));
    else if (!countsWithoutSession(connection, group, view)) continue;
    else if (idle !== null && silentAfter !== null && idle >= silentAfter)
      silent.push(`${holderOf(connection, view) ?? remote}: silent for ${formatDuration(idle)}`);
    else ways.push(clientWay(connection, group, outside));
  }
  return { ways, silent };
}

/** The connections of a group's members and starters of which none of these holds the other end. */
function connectionsOut({ pids, starters }: Group, { of }: Outside): Connection[] {
  const isInside = (pid: number): boolean => pids.has(pid) || starters.has(pid);
  const all = new Set([...pids, ...starters].flatMap((pid) => of.get(pid) ?? []));
  return [...all].filter(({ near, far }) => !(near.some(isInside) && far.some(isInside)));
}

/** Whether a connection is use although no ssh session holds its far end. */
function countsWithoutSession(
  connection: Connection,
  { trees, starters }: Group,
  { table }: HostView,
): boolean {
  const { kind, direction, near, far, farUid } = connection;
  if (kind === "pipe" || kind === "terminal") return false;
  if (direction === "accepted") return true;
  // What started a tree may be the relay itself, so its connections count in either direction.
  if (direction === "opened") return isDisplay(connection) || near.some((pid) => starters.has(pid));
  // A program that left the tree took its end along: it is younger. A pair that another user made came from outside.
  const holders = trees.filter(({ members }) => members.some(({ pid }) => near.includes(pid)));
  const started = Math.max(...(holders.length > 0 ? holders : trees).map(({ root }) => root.startTime));
  const isOlder = far.some((pid) => (table.byPid.get(pid)?.startTime ?? Number.POSITIVE_INFINITY) < started);
  return isOlder || (farUid !== null && farUid !== trees[0]?.uid);
}

const isDisplay = ({ direction, remote }: Connection): boolean =>
  direction === "opened" && DISPLAY.test(remote);

function clientWay(connection: Connection, { trees }: Group, { view, sources }: Outside): Reason {
  const { far, farUid, otherHost, remote, local, idle } = connection;
  const way = (code: ReasonCode, what: string): Reason => ({ code, text: `${what}${lastHeard(idle)}` });
  if (isDisplay(connection)) return way("in-use-display", `one of its programs shows a window on ${remote}`);
  if (otherHost) return way("in-use-other-host", `host ${remote} is connected to ${local}`);
  const [tree, why] = sources.get(far[0] ?? 0) ?? [];
  if (tree) return way("in-use-exempt-tree", `tree ${tree.root.pid} (${why}) is connected to ${local}`);
  const name = holderOf(connection, view) ?? "a process";
  return farUid === null || trees.some(({ uid }) => uid === farUid)
    ? way("in-use-this-host", `${name} of this host is connected to ${local}`)
    : way("in-use-other-user", `${name} of uid ${farUid} is connected to ${local}`);
}

function sessionWay(session: Proc, trees: readonly Tree[], { view, of }: Outside): Reason {
  const user = sessionUserOf(session, view.table);
  const client = clientOfSession(of.get(session.pid) ?? []);
  const from = client ? ` from ${client.remote}${lastHeard(client.idle)}` : "";
  const isOwn = user === null || trees.some((tree) => usersOf(tree).includes(user));
  return {
    code: isOwn ? "in-use-session" : "in-use-other-user",
    text: `session ${nameOf(session)}${isOwn ? "" : ` of uid ${user}`}${from}`,
  };
}

const lastHeard = (idle: number | null): string =>
  idle === null || idle < 60_000 ? "" : `, last heard ${formatDuration(idle)} ago`;

function holderOf({ far: [pid] }: Connection, { table }: HostView): string | null {
  const holder = table.byPid.get(pid ?? 0);
  return holder ? nameOf(holder) : null;
}
