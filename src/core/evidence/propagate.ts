import type { Edge, Node, UseGraph } from "./use-graph.ts";

/** Where something begins: a node, on whose account (null: nobody's in particular), and what is behind it. */
export interface Origin {
  readonly node: Node;
  readonly user: number | null;
  /** "host 10.1.2.3", in front of the node in a path; null: the node itself is the beginning. */
  readonly behind: string | null;
}

/** How a node was reached on one user's account. */
interface Arrival {
  readonly origin: Origin;
  readonly edge: Edge | null;
}

/** What reaches each node, by the user on whose account: whoever works there. */
export class Reached {
  private readonly arrivals = new Map<Node, Map<number | null, Arrival>>();

  has(node: Node): boolean {
    return this.arrivals.has(node);
  }

  /** The users on whose account a node is reached. */
  usersOf(node: Node): (number | null)[] {
    return [...(this.arrivals.get(node)?.keys() ?? [])];
  }

  /** False when the node was reached before on the same account. */
  add(node: Node, user: number | null, arrival: Arrival): boolean {
    const arrivals = this.arrivals.get(node) ?? new Map<number | null, Arrival>();
    if (arrivals.has(user)) return false;
    arrivals.set(user, arrival);
    this.arrivals.set(node, arrivals);
    return true;
  }

  /** The way from the beginning to a node, and the origin it begins at; the user's account must reach the node. */
  wayTo(
    node: Node,
    user: number | null,
  ): { readonly origin: Origin; readonly edges: readonly Edge[] } | null {
    const edges: Edge[] = [];
    let arrival = this.arrivals.get(node)?.get(user);
    while (arrival?.edge) {
      edges.unshift(arrival.edge);
      const from = this.arrivals.get(arrival.edge.from);
      // What nobody in particular began became the account of the first user on the way.
      arrival = from?.get(user) ?? from?.get(null);
    }
    return arrival ? { origin: arrival.origin, edges } : null;
  }
}

/** Carries what begins at the origins along the edges that `passes` lets through. */
export function propagate(
  graph: UseGraph,
  origins: readonly Origin[],
  passes: (edge: Edge) => boolean = () => true,
): Reached {
  const reached = new Reached();
  const queue: { node: Node; user: number | null; origin: Origin }[] = [];
  const arrive = (node: Node, user: number | null, arrival: Arrival): void => {
    const account = node.kind === "session" ? user : (user ?? node.user);
    if (reached.add(node, account, arrival)) queue.push({ node, user: account, origin: arrival.origin });
  };
  for (const origin of origins) arrive(origin.node, origin.user, { origin, edge: null });
  for (const { node, user, origin } of queue)
    for (const edge of graph.edgesFrom(node)) if (passes(edge)) arrive(edge.to, user, { origin, edge });
  return reached;
}
