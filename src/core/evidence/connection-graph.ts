import type { Link } from "../observation/connections.ts";
import { exeName, type Proc } from "../observation/process.ts";

export const nameOf = (process: Proc): string => `${exeName(process.exe) || process.comm} ${process.pid}`;

/** Trees and ssh servers joined by sockets, as one graph. */
export class ConnectionGraph {
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
