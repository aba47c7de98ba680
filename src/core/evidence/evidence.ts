import type { Connections } from "../observation/connections.ts";
import type { Observation } from "../observation/observation.ts";
import type { Proc } from "../observation/process.ts";
import type { Tree } from "../tree/tree.ts";
import { ConnectionGraph, nameOf } from "./connection-graph.ts";
import type { HostView } from "./host-view.ts";

/** Is anybody connected? Facts with the values yes, no or unknown; nothing here decides. */

export type Value = "yes" | "no" | "unknown";

export interface Fact {
  readonly fact: string;
  readonly value: Value;
  readonly detail: string;
}

/** The two facts that decide. */
export interface Evidence {
  readonly ancestor: Fact;
  readonly client: Fact;
}

/** Facts for every tree, in the order of the trees. */
export function collectEvidence({ observation, trees, sshd }: HostView): Evidence[] {
  const { genuine } = sshd;
  const ancestors = trees.map((tree) => ancestorFact(tree, observation, genuine));
  const clients = clientFacts(observation, trees, ancestors, genuine);
  return trees.map((_, i) => ({
    ancestor: ancestors[i] ?? unknownFact("ancestor", "not asked"),
    client: clients[i] ?? unknownFact("client", "not asked"),
  }));
}

const unknownFact = (fact: string, detail: string): Fact => ({ fact, value: "unknown", detail });

function ancestorFact(tree: Tree, observation: Observation, sshd: ReadonlyMap<number, Proc>): Fact {
  const fact = "ancestor";
  if (observation.source === "ps") return unknownFact(fact, "a listing shows titles, not executables");
  // An sshd that is pid 1 (of a container) adopts orphans, so being below it says nothing.
  const found = tree.ancestors.find((ancestor) => ancestor.pid !== 1 && sshd.has(ancestor.pid));
  if (found) return { fact, value: "yes", detail: `${nameOf(found)} is an ancestor of ${tree.root.pid}` };
  if (tree.ancestryBroken) {
    const last = tree.ancestors.at(-1) ?? tree.root;
    return unknownFact(fact, `parent ${last.ppid} of ${last.pid} was not seen`);
  }
  const hidden = tree.ancestors.find((ancestor) => ancestor.pid !== 1 && ancestor.exe === null);
  if (hidden) return unknownFact(fact, `the executable of ancestor ${hidden.pid} could not be read`);
  return { fact, value: "no", detail: `no live ssh server process above ${tree.root.pid}` };
}

/** The `client` fact of every tree: is it reachable, through established connections, from a live ssh server? */
function clientFacts(
  observation: Observation,
  trees: readonly Tree[],
  ancestors: readonly Fact[],
  sshd: ReadonlyMap<number, Proc>,
): Fact[] {
  const connections = observation.connections;
  if (connections === null) return trees.map(() => unknownFact("client", "sockets were not looked at"));
  const treeOf = new Map(trees.flatMap((tree, i) => tree.members.map((member) => [member.pid, i] as const)));
  const graph = new ConnectionGraph(connections.links, treeOf, sshd);
  const reached = graph.spread(
    ancestors.map((fact) => fact.value === "yes"),
    (tree) => graph.direct(tree),
    "that tree is below a live ssh session",
  );
  const blind = whyUnmatchedMayBeSsh(observation, connections, sshd);
  const doubts = trees.map((tree, i) => whyUndecided(tree, connections, graph.unmatched(i), blind));
  // Whoever is connected to a tree of which nothing is known may be reached through it.
  const doubtful = graph.spread(
    doubts.map((doubt, i) => doubt !== null || ancestors[i]?.value === "unknown"),
    () => undefined,
    "of that tree nobody can say who uses it",
  );
  return trees.map((_, i): Fact => {
    const detail = reached[i];
    if (detail !== undefined) return { fact: "client", value: "yes", detail };
    const doubt = doubts[i] ?? doubtful[i];
    if (doubt) return unknownFact("client", doubt);
    const others = graph.linkCount(i);
    const rest = others > 0 ? `; ${others} established connection(s) lead elsewhere` : "";
    return { fact: "client", value: "no", detail: `no established connection from an ssh server${rest}` };
  });
}

/** Why a connection whose other end nobody is known to hold might yet be an ssh server's, or null. */
function whyUnmatchedMayBeSsh(
  observation: Observation,
  connections: Connections,
  sshd: ReadonlyMap<number, Proc>,
): string | null {
  if (connections.unreadable.length > 0)
    return `the descriptors of ${connections.unreadable[0]} could not be read`;
  // A security module may hide just the ssh servers. Pid 1 is none, and a dead leader has no executable to read.
  const hidden = observation.processes.find(
    (p) => p.exe === null && p.pid !== 1 && p.state !== "Z" && p.ppid !== 2,
  );
  if (hidden) return `the executable of ${hidden.pid} could not be read`;
  // A site may have its ssh server under a name that no catalogue knows.
  return sshd.size === 0 ? "no ssh server process was found on this host" : null;
}

/** Why a missing connection proves nothing for this tree, or null. */
function whyUndecided(
  tree: Tree,
  connections: Connections,
  unmatched: number,
  blindSpot: string | null,
): string | null {
  if (!connections.complete) {
    const fault = connections.faults[0];
    return fault ? `${fault.what}: ${fault.detail}` : "the list of sockets is not complete";
  }
  const blind = tree.members.find((member) => connections.unreadable.includes(member.pid));
  if (blind) return `the descriptors of ${blind.pid} could not be read`;
  const apart = tree.members.find((member) => connections.foreignNet.includes(member.pid));
  if (apart) return `${apart.pid} is in another network namespace`;
  if (unmatched > 0 && blindSpot !== null)
    return `the other end of ${unmatched} established connection(s) could not be attributed, for ${blindSpot}`;
  return null;
}
