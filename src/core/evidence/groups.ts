/** Trees of one user that are connected with each other: they are judged together. */

import { isAdopter } from "../observation/process.ts";
import type { HostView } from "../tree/host-view.ts";
import type { Tree } from "../tree/tree.ts";

/** Trees that count as outside for the others, and why. */
export type TreeSources = ReadonlyMap<Tree, string>;

export interface Group {
  readonly trees: readonly Tree[];
  /** The members of these trees. */
  readonly pids: ReadonlySet<number>;
  /** What started these trees and lives: it holds connections that it accepted for them. */
  readonly starters: ReadonlySet<number>;
}

/** Groups all trees. A tree that is outside for the others, and one of another user, is joined to none. */
export function groupsOf({ trees, sshd, observation }: HostView, sources: TreeSources): Group[] {
  const treeOf = new Map(trees.flatMap((tree) => tree.members.map(({ pid }) => [pid, tree] as const)));
  const joined = new Map<Tree, Set<Tree>>();
  const join = (a: Tree, b: Tree): void => {
    if (a.uid !== b.uid || sources.has(a) || sources.has(b)) return;
    const into = joined.get(a) ?? new Set([a]);
    for (const tree of [a, ...(joined.get(b) ?? [b])]) joined.set(tree, into.add(tree));
  };
  for (const { near, far } of observation.connections?.connections ?? []) {
    const ends = [...near, ...far].flatMap((pid) => treeOf.get(pid) ?? []);
    for (const tree of new Set(ends)) if (ends[0]) join(ends[0], tree);
  }
  const startersOf = ({ uid, ancestors }: Tree): number[] =>
    ancestors
      .filter((one) => one.uid === uid && !isAdopter(one) && !sshd.sessions.has(one.pid))
      .map(({ pid }) => pid);
  return [...new Set(trees.map((tree) => joined.get(tree) ?? new Set([tree])))].map((members) => ({
    trees: [...members],
    pids: new Set([...members].flatMap((tree) => tree.members.map(({ pid }) => pid))),
    starters: new Set([...members].flatMap(startersOf)),
  }));
}
