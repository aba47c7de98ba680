/** From a process table to trees: each a topmost server process and its descendants of the same user. */

import type { Proc } from "../observation/process.ts";
import type { Catalogue, Kind } from "../recognition/catalogue.ts";
import { type Recognition, type Role, recognise } from "../recognition/recognise.ts";
import { recogniseParents } from "../recognition/structure.ts";
import { jobOf } from "./batch-job.ts";
import { isMultiplexer } from "./boundary.ts";
import { ancestorsOf, isDead, type ProcTable, parentOf } from "./process-table.ts";

/** A process that lives below a tree and is not part of it, and why. */
export interface Spared {
  readonly process: Proc;
  readonly why: string;
}

export interface Tree {
  readonly root: Proc;
  readonly uid: number;
  readonly product: string;
  readonly kind: Kind;
  /** Depth first, children by pid, the root first. */
  readonly members: readonly Proc[];
  /** Depth of each member below the root, in the same order. */
  readonly depths: readonly number[];
  readonly recognised: ReadonlyMap<number, Recognition>;
  readonly sparedBelow: readonly Spared[];
  /** From the root's parent upward to pid 1, as far as the table knows them. */
  readonly ancestors: readonly Proc[];
  /** True when the chain of parents ends at a process that the table does not hold. */
  readonly ancestryBroken: boolean;
}

/** Whether a process in this role serves in its own right and was not forked by a server. */
export function isServerRole(role: Role | undefined): boolean {
  return role !== undefined && role !== "worker" && role !== "helper";
}

/** Lists the root and every process that serves in its own right. */
export function leadersOf(tree: Tree): Proc[] {
  return tree.members.filter(
    ({ pid }) => pid === tree.root.pid || isServerRole(tree.recognised.get(pid)?.role),
  );
}

/** Recognises every living process of the table that belongs to a server, by pid. */
export function recogniseAll(table: ProcTable, catalogue: Catalogue): ReadonlyMap<number, Recognition> {
  const recognised = new Map<number, Recognition>();
  for (const process of table.byPid.values()) {
    if (isDead(process)) continue;
    const found = recognise(process, catalogue);
    if (found) recognised.set(process.pid, found);
  }
  for (const [pid, found] of recogniseParents(recognised, table.byPid, catalogue)) recognised.set(pid, found);
  return recognised;
}

/** Finds every tree of the table, in the order of the roots' pids. */
export function findTrees(
  table: ProcTable,
  catalogue: Catalogue,
  recognised: ReadonlyMap<number, Recognition> = recogniseAll(table, catalogue),
): Tree[] {
  const tops = new Map<number, Proc | null>();
  const roots = new Set<Proc>();
  for (const pid of recognised.keys()) {
    const process = table.byPid.get(pid);
    if (process) roots.add(topmost(table, process, recognised, catalogue, tops) ?? process);
  }
  return [...roots].sort((a, b) => a.pid - b.pid).map((root) => growTree(table, root, recognised, catalogue));
}

/**
 * Finds the topmost recognised process above `process` or itself, within its boundaries; null when there is none. `tops`
 * keeps what is known. Guard: each process is asked once, so a chain of thousands costs its length and not its square.
 */
function topmost(
  table: ProcTable,
  process: Proc,
  recognised: ReadonlyMap<number, Recognition>,
  catalogue: Catalogue,
  tops: Map<number, Proc | null>,
): Proc | null {
  const path: Proc[] = [];
  const met = new Set<number>();
  let next: Proc | null = process;
  while (next !== null && !tops.has(next.pid) && !met.has(next.pid)) {
    path.push(next);
    met.add(next.pid);
    const parent: Proc | null = parentOf(table, next);
    // What lives under a multiplexer or another user is on the far side of a boundary.
    next = parent && parent.uid === next.uid && !isMultiplexer(parent.exe, catalogue) ? parent : null;
  }
  let top: Proc | null = next === null ? null : (tops.get(next.pid) ?? null);
  for (const one of path.reverse()) {
    top ??= recognised.has(one.pid) ? one : null;
    tops.set(one.pid, top);
  }
  return top;
}

function growTree(
  table: ProcTable,
  root: Proc,
  recognised: ReadonlyMap<number, Recognition>,
  catalogue: Catalogue,
): Tree {
  const { members, depths, sparedBelow } = descend(table, root, catalogue);
  const found = recognised.get(root.pid);
  const { ancestors, broken } = ancestorsOf(table, root);
  return {
    root,
    uid: root.uid,
    product: found?.product ?? "unknown",
    kind: found?.kind ?? "ssh",
    members,
    depths,
    recognised: new Map(
      members.flatMap(({ pid }) => {
        const found = recognised.get(pid);
        return found ? [[pid, found] as const] : [];
      }),
    ),
    sparedBelow,
    ancestors,
    ancestryBroken: broken,
  };
}

/** Lists a living process and its descendants of the same user, up to the boundaries of a tree. */
export function membersBelow(table: ProcTable, root: Proc, catalogue: Catalogue): readonly Proc[] {
  return descend(table, root, catalogue).members;
}

function descend(
  table: ProcTable,
  root: Proc,
  catalogue: Catalogue,
): Pick<Tree, "members" | "depths" | "sparedBelow"> {
  const members: Proc[] = [];
  const depths: number[] = [];
  const sparedBelow: Spared[] = [];
  const stack = [{ process: root, depth: 0 }];
  const met = new Set<number>();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { process, depth } = next;
    if (met.has(process.pid)) continue;
    met.add(process.pid);
    if (isDead(process)) continue;
    const why = process === root ? null : boundaryOf(process, root, catalogue);
    if (why) {
      sparedBelow.push({ process, why });
      continue;
    }
    members.push(process);
    depths.push(depth);
    const children = table.children.get(process.pid) ?? [];
    for (const child of children.toReversed()) stack.push({ process: child, depth: depth + 1 });
  }
  return { members, depths, sparedBelow };
}

/** Why a descendant is not a member of its ancestor's tree, or null. Nothing below a boundary is a member either. */
function boundaryOf(process: Proc, root: Proc, catalogue: Catalogue): string | null {
  if (process.uid !== root.uid) return `runs as uid ${process.uid}`;
  if (process.uids === null) return "its user ids could not be read";
  if (process.cgroups === null) return "its cgroups could not be read";
  if (process.uids.some((uid) => uid !== root.uid)) return `has other user ids (${process.uids.join(" ")})`;
  if (isMultiplexer(process.exe, catalogue)) return "is a terminal multiplexer";
  const job = jobOf(process);
  if (job && job !== jobOf(root)) return `is in a ${job} job`;
  return null;
}
