/** Decides whether a cgroup may be ended as a whole: only one that holds one tree and nothing else. */

import { exeName, keyOf, type ProcId } from "../observation/process.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { componentsOf } from "../recognition/path-pattern.ts";
import { jobOfCgroup } from "../tree/batch-job.ts";
import { isMultiplexer } from "../tree/boundary.ts";
import type { HostView } from "../tree/host-view.ts";
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

/** Lists the cgroups of a tree's processes that may turn out to be the tree's alone, nearest the root first. */
export function killableCgroupsOf(tree: Tree, catalogue: Catalogue): string[] {
  const paths = new Set(tree.members.flatMap((member) => member.cgroups ?? []));
  return [...paths].filter((path) => mayBeWhole(path, catalogue)).sort((a, b) => a.length - b.length);
}

/**
 * Guard: only scopes and what lies below one. A process gets into a scope by being forked in it or when the scope is
 * made, while logins may enter a slice, a service or a plain cgroup at any moment, this one included.
 */
function mayBeWhole(path: string, catalogue: Catalogue): boolean {
  const parts = componentsOf(path);
  if (parts.includes("..") || jobOfCgroup(path, catalogue) !== null) return false;
  const last = parts.at(-1) ?? "";
  return parts.some((part) => part.endsWith(".scope")) && !/\.(?:slice|service)$/.test(last);
}

/**
 * Says why a cgroup must not be ended as a whole, or null when all that was seen in it is the tree's. `before` is the
 * look that the tree was judged by, with every process of its user.
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
  before: HostView,
): string | null {
  const keys = before.observation.processes.map(keyOf);
  const bystanders = new Set([...keys.filter((key) => !tracked.known.has(key)), ...tracked.setFree]);
  for (const member of inside) {
    const why = whyNotOurs(member, tracked, bystanders, before.catalogue);
    if (why !== null) return `${member.pid} in it ${why}`;
  }
  return null;
}

function whyNotOurs(
  member: CgroupMember,
  { tree, known }: TrackedTree,
  bystanders: ReadonlySet<string>,
  catalogue: Catalogue,
): string | null {
  if (member.pid < 2) return "is outside this pid namespace";
  if (bystanders.has(keyOf(member))) return "is not part of the tree";
  if (member.uids === null || member.exe === null) return "could not be read";
  if (tree.uid === 0 || member.uids.some((uid) => uid !== tree.uid))
    return `has other user ids (${member.uids.join(" ")})`;
  if (known.has(keyOf(member))) return null;
  if (isMultiplexer(member, catalogue)) return "is a terminal multiplexer";
  const parent = member.outsideParent;
  if (parent && parent.pid !== 1 && exeName(parent.exe) !== "systemd") return `was started by ${parent.pid}`;
  return null;
}
