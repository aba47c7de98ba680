/** Decides whether a cgroup may be ended as a whole: only one that holds one tree and nothing else. */

import { isAdopter, keyOf, type ProcId } from "../observation/process.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { componentsOf } from "../recognition/path-pattern.ts";
import { jobOfCgroup } from "../tree/batch-job.ts";
import { isMultiplexer } from "../tree/boundary.ts";
import type { Tree } from "../tree/tree.ts";
import type { TrackedTree } from "./tracked-tree.ts";

/** A process found in a cgroup or below it, as /proc shows it at that moment. */
export interface CgroupMember extends ProcId {
  /** All four; null: unreadable. */
  readonly uids: readonly number[] | null;
  /** Empty for one that is just exiting and has no memory any more; null: unreadable. */
  readonly exe: string | null;
  /** Its parent, where that lives and is in another cgroup. */
  readonly outsideParent: { readonly pid: number; readonly exe: string | null } | null;
}

/**
 * Lists the scopes of a tree's processes that may turn out to be the tree's alone. Guard: only scopes. A process gets into
 * one by being forked in it or when it is made, while logins may enter a slice, a service or a plain cgroup at any moment.
 * Guard: only the topmost of each path. Users can nest any number below it, and each is read with all below.
 */
export function killableCgroupsOf(tree: Tree, catalogue: Catalogue): string[] {
  const paths = tree.members.flatMap((member) => member.cgroups ?? []);
  return [...new Set(paths.flatMap((path) => topmostScopeOf(path, catalogue)))];
}

function topmostScopeOf(path: string, catalogue: Catalogue): string[] {
  const parts = componentsOf(path);
  const scope = parts.findIndex((part) => part.endsWith(".scope"));
  if (scope < 0 || parts.includes("..") || jobOfCgroup(path, catalogue) !== null) return [];
  return [`/${parts.slice(0, scope + 1).join("/")}`];
}

/**
 * Says why a cgroup must not be ended as a whole, or null when all that was seen in it is the tree's.
 *
 * A process that was not there when the tree was judged, and whose pid may change faster than any look, counts as the
 * tree's for these reasons together: everything in the cgroup at that time was a member (the caller asks both before
 * the first signal and before the kill), so members forked all that is in it now, or root or the same user moved it
 * there on purpose; all four of its uids are the tree's; it is not a multiplexer; no look showed it set free; and its
 * parent is in the cgroup too, or gone.
 */
export function whyNotOnlyThisTree(
  tracked: TrackedTree,
  inside: readonly CgroupMember[],
  catalogue: Catalogue,
): string | null {
  for (const member of inside) {
    const why = whyNotOurs(member, tracked, catalogue);
    if (why !== null) return `${member.pid} in it ${why}`;
  }
  return null;
}

function whyNotOurs(
  member: CgroupMember,
  { tree, known, setFree, before }: TrackedTree,
  catalogue: Catalogue,
): string | null {
  if (member.pid < 2) return "is outside this pid namespace";
  const isKnown = known.has(keyOf(member));
  if (setFree.has(keyOf(member)) || (before.processes.has(keyOf(member)) && !isKnown))
    return "is not part of the tree";
  if (member.uids === null || member.exe === null) return "could not be read";
  if (tree.uid === 0 || member.uids.some((uid) => uid !== tree.uid))
    return `has other user ids (${member.uids.join(" ")})`;
  if (isKnown) return null;
  if (isMultiplexer(member, catalogue)) return "is a terminal multiplexer";
  const parent = member.outsideParent;
  if (parent && !isAdopter(parent)) return `was started by ${parent.pid}`;
  return null;
}
