import { exeName, type Proc } from "../observation/process.ts";
import type { Tree } from "../tree/tree.ts";
import { type Doubt, type DoubtCode, whyUndecided } from "./doubt.ts";
import type { HostView } from "./host-view.ts";
import { type Origin, propagate, type Reached } from "./propagate.ts";
import { type Edge, isOwn, mayRelay, type Node, relayUsersOf, UseGraph } from "./use-graph.ts";

/** Whether a source of use reaches a tree. Facts with the values yes, no or unknown; nothing here decides. */

export type Value = "yes" | "no" | "unknown";

export interface Fact {
  readonly fact: string;
  readonly value: Value;
  readonly detail: string;
}

export type UseCode = "in-use-session" | "in-use-other-host" | "in-use-exempt-tree" | "in-use-other-user";

/** Who uses a tree. */
export interface Use {
  /** What its first way in begins with. */
  readonly code: UseCode;
  /** False: only another user reaches it. */
  readonly own: boolean;
  /** The ssh server processes of the tree's own user through which it is used. */
  readonly sessions: readonly Proc[];
}

export interface Evidence {
  /** The two facts that decide. */
  readonly ancestor: Fact;
  readonly client: Fact;
  /** Null: no source is known to reach the tree. */
  readonly use: Use | null;
  /** The code of the first fact that is unknown; null: none is. */
  readonly doubt: DoubtCode | null;
  /** The uid of another user whose process keeps the client from being known; null: there is none. */
  readonly withheldBy: number | null;
}

/** Trees that are a source of use themselves (tunnels, web servers, what its user keeps), and why. */
export type TreeSources = ReadonlyMap<Tree, string>;

/** Collects the evidence for every tree. */
export function collectEvidence(view: HostView, sources: TreeSources = new Map()): Map<Tree, Evidence> {
  const graph = new UseGraph(view);
  const used = propagate(graph, originsOf(graph, sources));
  const doubts = whyUndecided(view, graph);
  return new Map(
    graph.trees().map(([tree, node]) => {
      const ways = waysTo(tree, node, graph, used, sources);
      const [above, around] = [ancestorDoubt(tree, view), doubts.get(node) ?? null];
      const ancestor = factOf("ancestor", ways, "below", above, {
        no: `no ssh session above ${tree.root.pid}`,
      });
      const client = factOf("client", ways, "connected", around, {
        no: `no established connection from a client${elsewhere(graph.countsOf(node).total)}`,
      });
      const own = ways.some(({ isOwn }) => isOwn);
      const [first] = ways;
      const use = first ? { code: first.code, own, sessions: ownSessions(tree, node, graph, used) } : null;
      const doubtIn = (fact: Fact, why: Doubt | null): Doubt | null =>
        fact.value === "unknown" ? why : null;
      const doubt = (doubtIn(ancestor, above) ?? doubtIn(client, around))?.code ?? null;
      const withheldBy = doubtIn(client, around)?.by ?? null;
      return [tree, { ancestor, client, use, doubt, withheldBy }] as const;
    }),
  );
}

/**
 * Lists the users all of whose processes must be asked for their sockets: those with a tree that is not in use as far
 * as is known, and that may be reached through a process which was not asked.
 */
export function usersToAsk(view: HostView): number[] {
  const { graph, known, possible } = reachIn(view);
  const users = graph.trees().flatMap(([tree, node]) => {
    if (tree.uid === 0 || view.observation.settled?.includes(tree.uid)) return [];
    // Another user's use says nothing about the tree's own user.
    const way = known.wayTo(node, (user) => isOwn(user, tree));
    if (way !== null && isOwn(way.user, tree)) return [];
    const hasRelayAbove = tree.ancestors.some((ancestor) => mayRelay(ancestor) && isOwn(ancestor.uid, tree));
    const mayBeReached = graph.countsOf(node).acceptedUnattributed > 0 || hasRelayAbove || possible.has(node);
    return mayBeReached ? relayUsersOf(tree) : [];
  });
  return [...new Set(users)].sort((a, b) => a - b);
}

/**
 * Tells whether something hangs on a process that was not asked: it may have opened a connection that a tree accepted, or
 * the session through which a tree is reached, where the tree is not in use as far as is known; or a tree is in doubt
 * because of it.
 */
export function dependsOnUnasked(view: HostView): boolean {
  const { graph, known, possible } = reachIn(view);
  const isReached = graph
    .trees()
    .some(
      ([, node]) => !known.has(node) && (possible.has(node) || graph.countsOf(node).acceptedUnattributed > 0),
    );
  const doubts = [...whyUndecided(view, graph).values()];
  return isReached || doubts.some(({ code }) => DOUBTS_OF_UNASKED.includes(code));
}

const DOUBTS_OF_UNASKED: readonly DoubtCode[] = ["connection-unattributed", "other-user-in-the-way"];

/** What use certainly reaches, and what it may reach through a session whose opener was not asked. */
function reachIn(view: HostView): { graph: UseGraph; known: Reached; possible: Reached } {
  const graph = new UseGraph(view);
  const known = propagate(graph, originsOf(graph, new Map(), false));
  return { graph, known, possible: propagate(graph, originsOf(graph, new Map())) };
}

/** Where use begins: ssh sessions, other hosts, and trees that are a source. */
function originsOf(graph: UseGraph, sources: TreeSources, countUnknownOpeners = true): Origin[] {
  return [...graph.all()].flatMap((node): Origin[] => {
    const host = graph.hostOf(node);
    const behind = host ? `host ${host.address}` : null;
    if (node.kind === "session") {
      const openedHere = graph.openedHere(node);
      const counts = openedHere === "no" || (openedHere === "unknown" && countUnknownOpeners);
      return counts ? [{ node, user: node.user, behind }] : [];
    }
    if (behind !== null) return [{ node, user: node.user, behind }];
    return node.tree && sources.has(node.tree) ? [{ node, user: node.user, behind: null }] : [];
  });
}

/** One way in which a tree is used, as text for people. */
interface Way {
  readonly how: Edge["how"];
  readonly isOwn: boolean;
  readonly code: UseCode;
  readonly path: string;
}

/** Every last step by which use reaches a tree; the user's own come first, then ancestors. */
function waysTo(tree: Tree, node: Node, graph: UseGraph, used: Reached, sources: TreeSources): Way[] {
  const host = graph.hostOf(node);
  const direct: Way[] = host
    ? [
        {
          how: "connected",
          isOwn: true,
          code: "in-use-other-host",
          path: `host ${host.address} → ${nameIn(node, host.at)}`,
        },
      ]
    : [];
  const ways = graph.edgesInto(node).flatMap((edge): Way[] => {
    const way = used.wayTo(edge.from, (user) => isOwn(user, tree));
    if (way === null) return [];
    const { user, origin, edges } = way;
    const first = nameIn(origin.node, graph.hostOf(origin.node)?.at ?? origin.node.process);
    const why = origin.node.tree && sources.get(origin.node.tree);
    const steps = [...edges, edge].map(({ to, at }) => nameIn(to, at));
    const path = [...(origin.behind ? [origin.behind] : []), why ? `${first} (${why})` : first, ...steps];
    const own = isOwn(user, tree);
    const whose = own ? "" : `; that is another user (uid ${user})`;
    const code = own ? codeOf(origin) : "in-use-other-user";
    return [{ how: edge.how, isOwn: own, code, path: `${path.join(" → ")}${whose}` }];
  });
  const rank = ({ isOwn, how }: Way): number => (isOwn ? 0 : 2) + (how === "below" ? 0 : 1);
  return [...direct, ...ways].sort((a, b) => rank(a) - rank(b));
}

function codeOf({ node, behind }: Origin): UseCode {
  if (node.kind === "session") return "in-use-session";
  return behind === null ? "in-use-exempt-tree" : "in-use-other-host";
}

function factOf(
  fact: string,
  ways: readonly Way[],
  how: Edge["how"],
  doubt: Doubt | null,
  { no }: { readonly no: string },
): Fact {
  const way = ways.find((one) => one.how === how);
  if (way) return { fact, value: "yes", detail: way.path };
  return doubt === null ? { fact, value: "no", detail: no } : { fact, value: "unknown", detail: doubt.why };
}

function ancestorDoubt(tree: Tree, { observation }: HostView): Doubt | null {
  const because = (code: DoubtCode, why: string): Doubt => ({ code, why, by: null });
  if (observation.source === "ps")
    return because("process-listing", "a listing shows titles, not executables");
  if (tree.ancestryBroken) {
    const last = tree.ancestors.at(-1) ?? tree.root;
    return because("ancestor-not-seen", `parent ${last.ppid} of ${last.pid} was not seen`);
  }
  const hidden = tree.ancestors.find((ancestor) => ancestor.pid !== 1 && ancestor.exe === null);
  return hidden
    ? because("ancestor-unreadable", `the executable of ancestor ${hidden.pid} could not be read`)
    : null;
}

const elsewhere = (count: number): string =>
  count > 0 ? `; ${count} established connection(s) lead elsewhere` : "";

/** The sessions of the tree's own user on any way to it. */
function ownSessions(tree: Tree, node: Node, graph: UseGraph, used: Reached): Proc[] {
  const met = new Set<Node>([node]);
  for (const each of met) for (const { from } of graph.edgesInto(each)) if (used.has(from)) met.add(from);
  return [...met]
    .filter(({ kind, user }) => kind === "session" && isOwn(user, tree))
    .map(({ process }) => process);
}

const NAMED_ROLES = ["server", "cli", "agent-host", "launcher", "tunnel"];

/** "server 4100", "socat 4720": a process by its role in a tree, else by its executable. */
function nameIn({ tree }: Node, process: Proc): string {
  const role = tree?.recognised.get(process.pid)?.role ?? "";
  return `${NAMED_ROLES.includes(role) ? role : exeName(process.exe) || process.comm} ${process.pid}`;
}
