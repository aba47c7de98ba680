import type { Connections } from "../observation/connections.ts";
import { ancestorsOf } from "../tree/process-table.ts";
import type { Tree } from "../tree/tree.ts";
import type { HostView } from "./host-view.ts";
import { propagate } from "./propagate.ts";
import { sessionUserOf } from "./sshd.ts";
import { isOwn, type LinkCounts, type Node, relayUsersOf, type UseGraph } from "./use-graph.ts";

/** Why the absence of a client proves nothing. What one user hides is a doubt about that user's trees; root's, all. */

export type DoubtCode =
  | "process-listing"
  | "ancestor-not-seen"
  | "ancestor-unreadable"
  | "sockets-not-read"
  | "socket-list-incomplete"
  | "over-budget"
  | "descriptors-unreadable"
  | "other-network-namespace"
  | "socket-unexplained"
  | "connection-unattributed"
  | "other-user-in-the-way"
  | "connected-to-unknown";

export interface Doubt {
  readonly code: DoubtCode;
  readonly why: string;
  /** The uid of another user whose process is in the way; null: the tree's own user, or the whole host. */
  readonly by: number | null;
}

const because = (code: DoubtCode, why: string): Doubt => ({ code, why, by: null });

/** Says for each tree that is in doubt why. */
export function whyUndecided(view: HostView, graph: UseGraph): Map<Node, Doubt> {
  const { connections } = view.observation;
  const own = new Map<Node, Doubt>();
  for (const [tree, node] of graph.trees()) {
    const why =
      connections === null || view.observation.atWork?.includes(tree.uid)
        ? because("sockets-not-read", "sockets were not looked at")
        : whyTree(tree, graph.countsOf(node), view, connections);
    if (why !== null) own.set(node, why);
  }
  if (connections === null) return own;
  // What is behind a process that is in doubt may be behind what it is connected to.
  const origins = [...graph.all()].flatMap((node) => {
    const why =
      own.get(node)?.why ??
      whyProcess(node.process.pid, connections)?.why ??
      whyAbove(node, view) ??
      whySession(node, view, graph);
    return why ? [{ node, user: node.user, behind: why }] : [];
  });
  const doubtful = propagate(graph, origins);
  for (const [, node] of graph.trees()) {
    const way = own.has(node) ? null : doubtful.wayTo(node, (user) => user === node.user);
    if (way?.user === node.user && way.edges.length > 0)
      own.set(
        node,
        because(
          "connected-to-unknown",
          `it is connected to ${way.origin.node.process.pid}: ${way.origin.behind}`,
        ),
      );
  }
  return own;
}

function whyTree(tree: Tree, counts: LinkCounts, view: HostView, connections: Connections): Doubt | null {
  if (!connections.complete) {
    const fault = connections.faults[0];
    return because(
      "socket-list-incomplete",
      fault ? `${fault.what}: ${fault.detail}` : "the list of sockets is not complete",
    );
  }
  if (view.observation.overBudget?.includes(tree.uid))
    return because(
      "over-budget",
      `uid ${tree.uid} has more processes or command lines than the sweep reads for one user`,
    );
  for (const { pid } of tree.members) {
    const why = whyProcess(pid, connections);
    if (why !== null) return why;
  }
  // What it is connected to may not have accepted yet. A listener is nobody's session: of a container, in its own network.
  const session = [...view.sshd.genuine.values()].find((process) => {
    const user = sessionUserOf(process, view.table);
    return connections.unexplained?.includes(process.pid) && user !== null && isOwn(user, tree);
  });
  if (session)
    return because(
      "socket-unexplained",
      `the ssh server process ${session.pid} holds a socket that no list of sockets explains`,
    );
  const blind = counts.unattributed > 0 ? blindSpotFor(tree, counts, view, connections) : null;
  if (blind === null) return null;
  const what = `the other end of ${counts.unattributed} established connection(s) could not be attributed`;
  const code = blind.by === null ? "connection-unattributed" : "other-user-in-the-way";
  return { code, why: `${what}, for ${blind.why}`, by: blind.by };
}

/** Why the sockets of one process are not known, or null. */
function whyProcess(pid: number, connections: Connections): Doubt | null {
  if (connections.unreadable.includes(pid))
    return because("descriptors-unreadable", `the descriptors of ${pid} could not be read`);
  if (connections.foreignNet.includes(pid))
    return because("other-network-namespace", `${pid} has connections in another network namespace`);
  if (connections.unexplained?.includes(pid))
    return because("socket-unexplained", `${pid} holds a socket that no list of sockets explains`);
  return null;
}

/** A tree or a relay that may be below an ssh session which was not seen. */
function whyAbove({ kind, process }: Node, { table }: HostView): string | null {
  if (kind === "session") return null;
  const { ancestors, broken } = ancestorsOf(table, process);
  return broken || ancestors.some(({ pid, exe }) => pid !== 1 && exe === null)
    ? "what is above it could not be read"
    : null;
}

/** A relay may be a session of an ssh server that a site runs under a name which the catalogue does not know. */
function whySession(node: Node, { sshd }: HostView, graph: UseGraph): string | null {
  return node.kind === "relay" && sshd.genuine.size === 0 && graph.isEnteredFromHere(node)
    ? "no ssh server process was found on this host, so it may be one"
    : null;
}

/** Why a connection whose other end no asked process holds might yet be a client's, or null. */
function blindSpotFor(
  tree: Tree,
  counts: LinkCounts,
  { observation, table, sshd }: HostView,
  connections: Connections,
): Pick<Doubt, "why" | "by"> | null {
  const here = (why: string): Pick<Doubt, "why" | "by"> => ({ why, by: null });
  if (observation.observerUid !== 0) return here("only root can see who holds it");
  const other = (uid: number): number | null => (isOwn(uid, tree) ? null : uid);
  const concerns = (uid: number): boolean => uid === 0 || isOwn(uid, tree);
  const unreadable = connections.unreadable
    .map((pid) => table.byPid.get(pid))
    .find((process) => process !== undefined && concerns(process.uid));
  if (unreadable)
    return { why: `the descriptors of ${unreadable.pid} could not be read`, by: other(unreadable.uid) };
  // A security module may hide just the ssh servers. Pid 1 is not one, a dead leader has no executable to read, and a
  // path that is too long is not one where root installs an ssh server.
  const hidden = observation.processes.find(
    ({ pid, ppid, uid, exe, exeUnreadable, state }) =>
      exe === null &&
      exeUnreadable !== "too-long" &&
      pid !== 1 &&
      ppid !== 2 &&
      state !== "Z" &&
      concerns(uid),
  );
  if (hidden) return { why: `the executable of ${hidden.pid} could not be read`, by: other(hidden.uid) };
  const unasked = relayUsersOf(tree).find((uid) => observation.relaysOf?.includes(uid) === false);
  if (unasked !== undefined && counts.acceptedUnattributed > 0)
    return here(`the other processes of uid ${unasked} were not asked`);
  // A site may have its ssh server under a name that the catalogue does not know.
  return sshd.genuine.size === 0 ? here("no ssh server process was found on this host") : null;
}
