/** Is anybody connected? Facts with the values yes, no or unknown; nothing here decides. */

import type { Connections, Link, Observation, Proc } from "../observation/observation.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { exeName, exePath } from "../recognition/install-path.ts";
import { isDead, type Tree } from "../tree/tree.ts";

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

/** Where only root can put a program. An sshd elsewhere counts when root runs the same file. */
const SYSTEM_PATH = /^\/(?:usr|bin|sbin|lib|lib64|opt|nix\/store)\//;

/** The host's ssh server processes, and those that only call themselves so. */
export function findSshd(
  processes: readonly Proc[],
  catalogue: Catalogue,
): { genuine: ReadonlyMap<number, Proc>; impostors: readonly Proc[] } {
  const named = processes.filter((p) => catalogue.sshd.includes(exeName(p.exe)) && !isDead(p));
  const rootRun = new Set(named.filter((p) => p.uid === 0).map((p) => exePath(p.exe ?? "")));
  const genuine = new Map<number, Proc>();
  const impostors: Proc[] = [];
  for (const process of named) {
    const path = exePath(process.exe ?? "");
    // Guard: inside a user namespace of its own a user can mount anything at /usr/sbin/sshd.
    const mayBe = process.foreignUserNs !== true && (rootRun.has(path) || SYSTEM_PATH.test(path));
    if (mayBe) genuine.set(process.pid, process);
    else impostors.push(process);
  }
  return { genuine, impostors };
}

/** Facts for every tree, in the order of the trees. */
export function gather(observation: Observation, trees: readonly Tree[], catalogue: Catalogue): Evidence[] {
  const { genuine } = findSshd(observation.processes, catalogue);
  const ancestors = trees.map((tree) => ancestorFact(tree, observation, genuine));
  const clients = clientFacts(observation, trees, ancestors, genuine);
  return trees.map((_, i) => ({
    ancestor: ancestors[i] ?? unknownFact("ancestor", "not asked"),
    client: clients[i] ?? unknownFact("client", "not asked"),
  }));
}

const unknownFact = (fact: string, detail: string): Fact => ({ fact, value: "unknown", detail });
const nameOf = (process: Proc): string => `${exeName(process.exe) || process.comm} ${process.pid}`;

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
  const graph = new Reach(connections.links, treeOf, sshd);
  const reached = graph.spread(
    ancestors.map((fact) => fact.value === "yes"),
    (tree) => graph.direct(tree),
    "that tree is below a live ssh session",
  );
  const blind = blindSpotOf(observation, connections, sshd);
  const doubts = trees.map((tree, i) => doubtOf(tree, connections, graph.unmatched(i), blind));
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
function blindSpotOf(
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
function doubtOf(
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

/** Trees and ssh servers joined by sockets, as one graph. */
class Reach {
  private readonly directly = new Map<number, string>();
  private readonly edges = new Map<number, Map<number, Link>>();
  private readonly open = new Map<number, { total: number; unmatched: number }>();

  constructor(links: readonly Link[], treeOf: ReadonlyMap<number, number>, sshd: ReadonlyMap<number, Proc>) {
    for (const link of links) {
      this.add(link, link.pid, link.peerPid, treeOf, sshd);
      if (link.peerPid !== null) this.add(link, link.peerPid, link.pid, treeOf, sshd);
    }
  }

  private add(
    link: Link,
    pid: number,
    peer: number | null,
    treeOf: ReadonlyMap<number, number>,
    sshd: ReadonlyMap<number, Proc>,
  ): void {
    const tree = treeOf.get(pid);
    if (tree === undefined) return;
    const server = peer === null ? undefined : sshd.get(peer);
    const other = peer === null ? undefined : treeOf.get(peer);
    if (other === tree) return;
    const count = this.open.get(tree) ?? { total: 0, unmatched: 0 };
    // Guard: a saved observation may say 0, and a connection that is there counts.
    const sockets = Math.max(1, link.sockets ?? 1);
    this.open.set(tree, {
      total: count.total + sockets,
      unmatched: count.unmatched + (peer === null ? sockets : 0),
    });
    if (server && !this.directly.has(tree))
      this.directly.set(
        tree,
        `${nameOf(server)} is connected to ${pid} (${link.kind} ${link.local} ${link.remote})`,
      );
    if (other !== undefined) {
      const edges = this.edges.get(tree) ?? new Map<number, Link>();
      edges.set(other, link);
      this.edges.set(tree, edges);
    }
  }

  linkCount(tree: number): number {
    return this.open.get(tree)?.total ?? 0;
  }

  unmatched(tree: number): number {
    return this.open.get(tree)?.unmatched ?? 0;
  }

  /** How an ssh server reaches this tree without another tree between them, or undefined. */
  direct(tree: number): string | undefined {
    return this.directly.get(tree);
  }

  /**
   * Spreads a property over connections: from trees that have it of themselves (`source`, worded by `because`) and
   * those that `direct` explains. For each tree that gets it from another or directly: how; else undefined.
   */
  spread(
    source: readonly boolean[],
    direct: (tree: number) => string | undefined,
    because: string,
  ): (string | undefined)[] {
    const how = source.map((_, tree) => direct(tree));
    const queue = source.flatMap((has, tree) => (has || how[tree] !== undefined ? [tree] : []));
    const met = new Set(queue);
    for (let tree = queue.shift(); tree !== undefined; tree = queue.shift()) {
      for (const [other, link] of this.edges.get(tree) ?? []) {
        if (met.has(other)) continue;
        met.add(other);
        const joined = `${link.pid} and ${link.peerPid} are connected (${link.kind} ${link.local} ${link.remote})`;
        how[other] = `${joined}, and ${how[tree] ?? because}`;
        queue.push(other);
      }
    }
    return how;
  }
}
