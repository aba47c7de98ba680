import type { Link } from "../observation/connections.ts";
import { exeName, type Proc } from "../observation/process.ts";
import { isDead, parentOf } from "../tree/process-table.ts";
import type { Tree } from "../tree/tree.ts";
import type { HostView } from "./host-view.ts";
import { hostOfAddress, isCommandLineProgram, isInherited } from "./link-ends.ts";
import { sessionUserOf } from "./sshd.ts";

/** Sessions, relays and trees, joined where use of one means use of the other. */

/** An ssh session, a tree, or a process of a tree's user outside every tree. */
export interface Node {
  readonly kind: "session" | "relay" | "tree";
  /** The process itself; of a tree, its root. */
  readonly process: Proc;
  readonly tree: Tree | null;
  /** Whose it is; null: a session whose user does not show. */
  readonly user: number | null;
}

/** Use of `from` means use of `to`. */
export interface Edge {
  readonly from: Node;
  readonly to: Node;
  /** The process of `to` that is below `from`, or connected to it. */
  readonly at: Proc;
  readonly how: "below" | "connected";
}

/** The established connections of a tree or a relay whose other end is another node's, as numbers of sockets. */
export interface LinkCounts {
  total: number;
  /** The other end is on this host, and no process that was asked holds it. */
  unattributed: number;
  /** Of these, those that it may have accepted. */
  acceptedUnattributed: number;
}

/** What everything of a user is connected to, or starts everything: it relays no user in particular. */
const NEVER_RELAYS = ["systemd", "dbus-daemon", "dbus-broker", "dbus-broker-launch"];

/** Whether a process of a tree's user can be a relay. System daemons are of other users, so they never are. */
export function mayRelay(process: Proc): boolean {
  return !isDead(process) && !NEVER_RELAYS.includes(exeName(process.exe));
}

/** Lists the users whose processes may relay to a tree: its user, and the one who logged in and became them. */
export function relayUsersOf({ uid, root: { loginUid } }: Tree): number[] {
  return loginUid === null || loginUid === uid || loginUid === 0 ? [uid] : [uid, loginUid];
}

/** Whether a user's sessions and relays are a tree's own. Nothing shows whose an unknown one is: it may be. */
export function isOwn(user: number | null, tree: Tree): boolean {
  return user === null || relayUsersOf(tree).includes(user);
}

export class UseGraph {
  private readonly view: HostView;
  private readonly nodes = new Map<number, Node>();
  private readonly out = new Map<Node, Map<string, Edge>>();
  private readonly into = new Map<Node, Edge[]>();
  private readonly counts = new Map<Node, LinkCounts>();
  private readonly hosts = new Map<Node, { readonly at: Proc; readonly address: string }>();
  /** Nodes that accepted TCP connections of this host; true: one of them from a process that was not asked. */
  private readonly openers = new Map<Node, boolean>();

  constructor(view: HostView) {
    this.view = view;
    const users = new Set(view.trees.flatMap(relayUsersOf));
    for (const tree of view.trees) {
      const node: Node = { kind: "tree", process: tree.root, tree, user: tree.uid };
      for (const { pid } of tree.members) this.nodes.set(pid, node);
    }
    for (const process of view.table.byPid.values()) {
      if (this.nodes.has(process.pid)) continue;
      if (view.sshd.genuine.has(process.pid) || view.sshd.adopted.has(process.pid))
        this.addNode("session", process, sessionUserOf(process, view.table));
      else if (users.has(process.uid) && mayRelay(process)) this.addNode("relay", process, process.uid);
    }
    const links = view.observation.connections?.links ?? [];
    for (const link of links) this.noteOtherEnd(link);
    for (const link of links) this.addLink(link);
    for (const node of this.all()) this.addDescent(node);
    this.addScreens();
  }

  /** Every node once. */
  all(): ReadonlySet<Node> {
    return new Set(this.nodes.values());
  }

  /** Every tree with its node. */
  trees(): (readonly [Tree, Node])[] {
    return [...this.all()].flatMap((node) => (node.tree ? [[node.tree, node] as const] : []));
  }

  edgesFrom(node: Node): Iterable<Edge> {
    return this.out.get(node)?.values() ?? [];
  }

  edgesInto(node: Node): readonly Edge[] {
    return this.into.get(node) ?? [];
  }

  countsOf(node: Node): LinkCounts {
    return this.counts.get(node) ?? { total: 0, unattributed: 0, acceptedUnattributed: 0 };
  }

  /** The connection with another host that is a use of its own: one that a tree accepted; of a relay, any. */
  hostOf(node: Node): { readonly at: Proc; readonly address: string } | undefined {
    return this.hosts.get(node);
  }

  /**
   * Whether a session's own connection comes from this host. `yes`: the process that opened it was asked, and the session
   * counts as far as that process does; also where nothing shows a connection of a user's own sshd. `unknown`: another user
   * or a daemon (a proxy before sshd) opened it.
   */
  openedHere(session: Node): "yes" | "no" | "unknown" {
    const parent = this.nodes.get(session.process.ppid);
    // The monitor holds the session's own connection alone; the user's process has forwarded ones as well.
    const holdsOne = parent?.kind === "session" && (this.openers.has(parent) || this.hosts.has(parent));
    const monitor = holdsOne ? parent : session;
    const byUnasked = this.openers.get(monitor);
    if (this.hosts.has(monitor)) return "no";
    // Guard: a user can run the host's sshd without any client.
    if (byUnasked === undefined) return this.view.sshd.adopted.has(session.process.pid) ? "yes" : "no";
    return byUnasked ? "unknown" : "yes";
  }

  private addNode(kind: "session" | "relay", process: Proc, user: number | null): void {
    this.nodes.set(process.pid, { kind, process, tree: null, user });
  }

  /** Notes which nodes another host is connected to, and which accepted a connection of this host. */
  private noteOtherEnd(link: Link): void {
    const node = this.nodes.get(link.pid);
    const at = this.view.table.byPid.get(link.pid);
    if (node === undefined || at === undefined || link.kind !== "tcp") return;
    if (link.otherHost === true) {
      // A tree's members fetch things from other hosts; only what a tree accepted is a use of it.
      if (node.kind === "relay" || link.direction !== "opened")
        this.hosts.set(node, { at, address: hostOfAddress(link.remote) });
    } else if (link.direction === "accepted" || link.direction === "unknown") {
      // Guard: a process that also listens at its own port can open a session so that nothing shows the direction.
      this.openers.set(node, link.peerPid === null || this.openers.get(node) === true);
    }
  }

  private addLink(link: Link): void {
    const here = this.nodes.get(link.pid);
    const there = link.peerPid === null ? undefined : this.nodes.get(link.peerPid);
    if (link.kind === "pipe") {
      if (here && there && here !== there && link.peerPid !== null) this.addPipe(here, there, link.peerPid);
      return;
    }
    if (here !== there) {
      this.count(here, link);
      // Snapshots of the version before have each connection once, from either end.
      if (link.direction === undefined) this.count(there, link);
    }
    if (here === undefined || there === undefined || here === there || link.peerPid === null) return;
    if (isInherited(link, here, there) || isInherited(link, there, here)) return;
    if (link.direction !== "accepted") this.addConnection(here, link.pid, there, link.peerPid);
    if (link.direction !== "opened") this.addConnection(there, link.peerPid, here, link.pid);
  }

  private count(node: Node | undefined, link: Link): void {
    if (node === undefined || node.kind === "session") return;
    const counts = this.countsOf(node);
    // Guard: a saved observation may say 0, and a connection that is there counts.
    const sockets = Math.max(1, link.sockets ?? 1);
    counts.total += sockets;
    if (link.peerPid === null && link.otherHost !== true) {
      counts.unattributed += sockets;
      // A relay's socket pair with a process of another user is that parent's, and not a client's.
      const isAccepted = node.kind === "tree" ? link.direction !== "opened" : link.direction === "accepted";
      if (isAccepted) counts.acceptedUnattributed += sockets;
    }
    this.counts.set(node, counts);
  }

  /** What `opener` opened and `acceptor` accepted. */
  private addConnection(opener: Node, openerPid: number, acceptor: Node, acceptorPid: number): void {
    if (this.isUsedBy(acceptor, opener)) this.addEdge(opener, acceptor, acceptorPid, "connected");
    if (this.isWatchedBy(opener, acceptor)) this.addEdge(acceptor, opener, openerPid, "connected");
  }

  /** Whether whoever uses `opener` uses `acceptor` through a connection that it accepted. */
  private isUsedBy(acceptor: Node, opener: Node): boolean {
    if (acceptor.kind === "session") return this.openedHere(acceptor) === "yes";
    if (opener.kind === "session") return true;
    if (acceptor.tree) return opener.kind === "tree" || isOwn(opener.user, acceptor.tree);
    return opener.user === acceptor.user;
  }

  /** Whether whoever uses `acceptor` uses `opener`, which opened the connection. */
  private isWatchedBy(opener: Node, acceptor: Node): boolean {
    // A relay may fetch what it passes on. A session is not used by what it connects its user to.
    if (opener.kind !== "tree")
      return opener.kind === "relay" && (acceptor.kind === "session" || acceptor.user === opener.user);
    // X11, agent and reverse forwarding: someone is at the other end of that session.
    if (acceptor.kind === "session") return opener.tree !== null && isOwn(acceptor.user, opener.tree);
    // The IDE's command-line program serves the window of the server that it is connected to.
    return acceptor.kind === "tree" && opener.user === acceptor.user && isCommandLineProgram(opener.tree);
  }

  /** A program on the streams of a session, though its parents have ended, and an ssh client with its ProxyCommand. */
  private addPipe(from: Node, to: Node, toPid: number): void {
    // What a tree's member shares with a process outside it is left over from a common parent.
    const isUsed =
      from.kind === "session" ? to.kind !== "session" : from.kind === "relay" && to.kind === "relay";
    if (isUsed && (from.kind === "session" || from.user === to.user))
      this.addEdge(from, to, toPid, "connected");
  }

  /** GNU screen's server works on its client's terminal, and holds no connection with the client. */
  private addScreens(): void {
    const first = new Map<number | null, Node>();
    for (const node of this.all()) {
      if (node.kind !== "relay" || !/^screen/i.test(exeName(node.process.exe))) continue;
      const hub = first.get(node.user);
      if (hub === undefined) first.set(node.user, node);
      else {
        this.addEdge(hub, node, node.process.pid, "connected");
        this.addEdge(node, hub, hub.process.pid, "connected");
      }
    }
  }

  /** Joins a process to the nearest session or relay above it; each of these is joined to the next. */
  private addDescent(node: Node): void {
    if (node.kind === "session") return;
    const { table } = this.view;
    // A table of text may hold a circle of parents.
    const seen = new Set<Proc>();
    for (let parent = parentOf(table, node.process); parent && parent.pid !== 1; ) {
      if (seen.has(parent)) return;
      seen.add(parent);
      const above = this.nodes.get(parent.pid);
      const isAbove =
        above?.kind === "session" ||
        (above?.kind === "relay" && (node.tree ? isOwn(above.user, node.tree) : above.user === node.user));
      if (above && isAbove) {
        this.addEdge(above, node, node.process.pid, "below");
        return;
      }
      parent = parentOf(table, parent);
    }
  }

  private addEdge(from: Node, to: Node, pid: number, how: Edge["how"]): void {
    const at = this.view.table.byPid.get(pid);
    const edges = this.out.get(from) ?? new Map<string, Edge>();
    const key = `${how} ${to.process.pid}`;
    if (at === undefined || edges.has(key)) return;
    const edge: Edge = { from, to, at, how };
    edges.set(key, edge);
    this.out.set(from, edges);
    const into = this.into.get(to) ?? [];
    into.push(edge);
    this.into.set(to, into);
  }
}
