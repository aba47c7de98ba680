/** From a process table to trees: each a topmost server process and its descendants of the same user. */

import type { Proc } from "../observation/process.ts";
import type { Catalogue, Kind } from "../recognition/catalogue.ts";
import { type Recognition, type Role, recognise } from "../recognition/recognise.ts";
import { dropUnproved, recogniseParents } from "../recognition/structure.ts";
import { jobOf } from "./batch-job.ts";
import { couldBeServersChild, isMultiplexer, isSameCgroup, setFreeBy } from "./boundary.ts";
import { ancestorsOf, isDead, type ProcTable } from "./process-table.ts";

/** A process that lives below a tree and is not part of it, and why. */
export interface Spared {
  readonly process: Proc;
  readonly why: string;
  /** Its user set it free of a terminal, with all that is below it. */
  readonly isFree: boolean;
  /** It has started no other process that lives. */
  readonly isChildless: boolean;
}

export interface Tree {
  readonly root: Proc;
  readonly uid: number;
  readonly product: string;
  readonly kind: Kind;
  /** Depth first, children by pid, the root first. */
  readonly members: readonly Proc[];
  readonly recognised: ReadonlyMap<number, Recognition>;
  readonly sparedBelow: readonly Spared[];
  /** From the root's parent upward to pid 1, as far as the table knows them. */
  readonly ancestors: readonly Proc[];
  /** True when the chain of parents ends at a process that the table does not hold. */
  readonly ancestryBroken: boolean;
}

/** The user of a tree: its uid, and the login uid of its root where it has one (`sudo -iu project`). */
export function usersOf({ uid, root: { loginUid } }: Pick<Tree, "uid" | "root">): number[] {
  return [uid, loginUid ?? uid];
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
function recogniseAll(table: ProcTable, catalogue: Catalogue): ReadonlyMap<number, Recognition> {
  const recognised = new Map<number, Recognition>();
  for (const process of table.byPid.values()) {
    if (isDead(process)) continue;
    const found = recognise(process, catalogue);
    if (found) recognised.set(process.pid, found);
  }
  dropUnproved(recognised, table.byPid, catalogue);
  for (const [pid, found] of recogniseParents(recognised, table.byPid, catalogue)) recognised.set(pid, found);
  return recognised;
}

/** Finds every tree of the table, in the order of the roots' pids. */
export function findTrees(table: ProcTable, catalogue: Catalogue): Tree[] {
  const recognised = recogniseAll(table, catalogue);
  const trees = new Map<number, Tree>();
  /** Members of trees, and what is below a process that its user set free: no tree begins there. */
  const covered = new Set<number>();
  const servers = [...recognised.keys()].flatMap((pid) => table.byPid.get(pid) ?? []);
  // Guard: what is above grows first, and each process once, so a chain of thousands costs its length and not its square.
  for (const process of servers.sort((a, b) => a.startTime - b.startTime)) {
    if (covered.has(process.pid)) continue;
    const tree = growTree(table, process, recognised, catalogue);
    const free = tree.sparedBelow.filter(({ isFree }) => isFree);
    for (const { pid } of [...tree.members, ...free.flatMap((one) => allBelow(table, one.process))]) {
      covered.add(pid);
      // A parent that started in the same tick as its child may come after it.
      trees.delete(pid);
    }
    trees.set(process.pid, tree);
  }
  return (
    [...trees.values()]
      // Extensions' programs alone are a tree if they are a former server's, and not run or set free by their user.
      .filter(
        ({ root, recognised }) =>
          !isHelpersOnly({ recognised }) ||
          couldBeServersChild(root, recognised.get(root.pid)?.leadsSession === true),
      )
      .sort((a, b) => a.root.pid - b.root.pid)
  );
}

/** Lists a process and its descendants of the same user, without regard to boundaries. */
function allBelow(table: ProcTable, top: Proc): Proc[] {
  const found = new Set([top]);
  // A set that grows while it is walked; a circle of parents adds nothing.
  for (const process of found)
    for (const child of table.children.get(process.pid) ?? []) if (child.uid === top.uid) found.add(child);
  return [...found];
}

/** Whether a tree is of extensions' programs alone, whose server has died. */
export function isHelpersOnly({ recognised }: Pick<Tree, "recognised">): boolean {
  return [...recognised.values()].every(({ role }) => role === "helper");
}

function growTree(
  table: ProcTable,
  root: Proc,
  recognised: ReadonlyMap<number, Recognition>,
  catalogue: Catalogue,
): Tree {
  const { members, sparedBelow } = descend(table, root, catalogue);
  const own = members.flatMap(({ pid }) => {
    const found = recognised.get(pid);
    return found ? [[pid, found] as const] : [];
  });
  const found = recognised.get(root.pid);
  const { ancestors, broken } = ancestorsOf(table, root);
  return {
    root,
    uid: root.uid,
    product: found?.product ?? "unknown",
    kind: found?.kind ?? "server",
    members,
    recognised: new Map(own),
    sparedBelow,
    ancestors,
    ancestryBroken: broken,
  };
}

/**
 * Finds a living process and its descendants of the same user, up to the boundaries of a tree. `inTerminal`: the process
 * has or had a terminal.
 */
export function descend(
  table: ProcTable,
  root: Proc,
  catalogue: Catalogue,
  inTerminal = false,
): Pick<Tree, "members" | "sparedBelow"> {
  const members: Proc[] = [];
  const sparedBelow: Spared[] = [];
  const stack: Place[] = [{ process: root, parent: null, inTerminal }];
  const met = new Set<number>();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { process, parent } = next;
    if (met.has(process.pid)) continue;
    met.add(process.pid);
    if (isDead(process)) continue;
    const children = table.children.get(process.pid) ?? [];
    const why = parent && boundaryOf(process, root, catalogue);
    const how = parent && why === null && next.inTerminal ? setFreeBy(process, parent) : null;
    if (why !== null || how !== null) {
      sparedBelow.push({
        process,
        why: why ?? `was set free by its user: ${how}`,
        isFree: how !== null,
        isChildless: children.every(isDead),
      });
      continue;
    }
    members.push(process);
    const below = { parent: process, inTerminal: next.inTerminal || process.tty !== 0 };
    for (const child of children.toReversed()) stack.push({ ...below, process: child });
  }
  return { members, sparedBelow };
}

/** A process met on the way down a tree. */
interface Place {
  readonly process: Proc;
  readonly parent: Proc | null;
  /** Some member above it has a terminal, or had one. */
  readonly inTerminal: boolean;
}

/** Why a descendant is not a member of its ancestor's tree, or null. Nothing below a boundary is a member either. */
function boundaryOf(process: Proc, root: Proc, catalogue: Catalogue): string | null {
  if (process.uid !== root.uid) return `runs as uid ${process.uid}`;
  if (process.uids === null) return "its user ids could not be read";
  if (process.cgroups === null) return "its cgroups could not be read";
  if (process.uids.some((uid) => uid !== root.uid)) return `has other user ids (${process.uids.join(" ")})`;
  if (isMultiplexer(process, catalogue)) return "is a terminal multiplexer";
  const job = isSameCgroup(process, root) ? null : jobOf(process, catalogue);
  return job ? `is in a ${job} job` : null;
}
