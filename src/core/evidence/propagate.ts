import type { Edge, Node, UseGraph } from "./use-graph.ts";

/** Where something begins: a node, the user it counts for (null: no user in particular), and what is behind it. */
export interface Origin {
  readonly node: Node;
  readonly user: number | null;
  /** "host 10.1.2.3", in front of the node in a path; null: the node itself is the beginning. */
  readonly behind: string | null;
}

/** How a node was reached on one user's account: by an edge from a node that was reached before; null: it is an origin. */
interface Arrival {
  readonly origin: Origin;
  readonly last: { readonly edge: Edge; readonly before: Arrival } | null;
}

/** A way from an origin to a node, and the user whose use it is. */
export interface Way {
  readonly user: number | null;
  readonly origin: Origin;
  readonly edges: readonly Edge[];
}

/** What reaches each node, by the user whose use it is. */
export class Reached {
  private readonly arrivals = new Map<Node, Map<number | null, Arrival>>();

  has(node: Node): boolean {
    return this.arrivals.has(node);
  }

  /** False when the node was reached before on the same account. */
  add(node: Node, user: number | null, arrival: Arrival): boolean {
    const arrivals = this.arrivals.get(node) ?? new Map<number | null, Arrival>();
    if (arrivals.has(user)) return false;
    arrivals.set(user, arrival);
    this.arrivals.set(node, arrivals);
    return true;
  }

  /** The way to a node on the account of a user who is preferred, else on the first account; null: nothing reaches it. */
  wayTo(node: Node, isPreferred: (user: number | null) => boolean): Way | null {
    const ways = [...(this.arrivals.get(node) ?? [])];
    const found = ways.find(([user]) => isPreferred(user)) ?? ways[0];
    if (found === undefined) return null;
    const [user, { origin, last }] = found;
    const edges: Edge[] = [];
    for (let at = last; at !== null; at = at.before.last) edges.unshift(at.edge);
    return { user, origin, edges };
  }
}

/** Carries what begins at the origins along all edges. */
export function propagate(graph: UseGraph, origins: readonly Origin[]): Reached {
  const reached = new Reached();
  const queue: { node: Node; user: number | null; arrival: Arrival }[] = [];
  const arrive = (node: Node, user: number | null, arrival: Arrival): void => {
    const account = node.kind === "session" ? user : (user ?? node.user);
    if (reached.add(node, account, arrival)) queue.push({ node, user: account, arrival });
  };
  for (const origin of origins) arrive(origin.node, origin.user, { origin, last: null });
  for (const { node, user, arrival } of queue)
    for (const edge of graph.edgesFrom(node))
      arrive(edge.to, user, { origin: arrival.origin, last: { edge, before: arrival } });
  return reached;
}
