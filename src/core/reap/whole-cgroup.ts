/** May a cgroup be ended as a whole? Only one that holds one tree and nothing else. Pure. */

import type { Observation } from "../observation/observation.ts";
import { exeName, keyOf, type Proc, type ProcId } from "../observation/process.ts";
import type { Policy } from "../policy/policy.ts";
import { type Catalogue, makeCatalogue } from "../recognition/catalogue.ts";
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

/** The cgroups that a tree's processes are in and that may turn out to be the tree's alone, nearest the root first. */
export function killableCgroupsOf(tree: Tree): string[] {
  const paths = new Set(tree.members.flatMap((member) => member.cgroups ?? []));
  return [...paths].filter(mayBeWhole).sort((a, b) => a.length - b.length);
}

/**
 * Guard: only scopes and what lies below one. A process gets into a scope by being forked in it or when the scope is
 * made, while logins may enter a slice, a service or a plain cgroup at any moment, this one included.
 */
function mayBeWhole(path: string): boolean {
  const parts = path.split("/").filter(Boolean);
  if (parts.includes("..") || jobOfCgroup(path) !== null) return false;
  const last = parts.at(-1) ?? "";
  return parts.some((part) => part.endsWith(".scope")) && !/\.(?:slice|service)$/.test(last);
}

/**
 * Why a cgroup must not be ended as a whole, or null when all that was seen in it is the tree's. `before` is the
 * observation that the tree was judged by, with every process of its user.
 *
 * A process that was not there when the tree was judged, and whose pid may change faster than anybody can look, is
 * taken for the tree's for these reasons together: everything in the cgroup at that time was a member (the caller
 * asks both before the first signal and before the kill), so all that is in it now was forked by members, or moved
 * there by root or by the same user on purpose; it has the tree's user in all four ids; it is no multiplexer; and
 * what started it is in the cgroup too, or gone.
 */
export function whyNotOnlyThisTree(
  quarry: TrackedTree,
  inmates: readonly CgroupMember[],
  before: Observation,
  policy: Policy,
): string | null {
  const catalogue = makeCatalogue(policy.catalogue);
  const bystanders = new Set(before.processes.map(keyOf).filter((key) => !quarry.known.has(key)));
  for (const inmate of inmates) {
    const why = whyNotOurs(inmate, quarry, bystanders, catalogue);
    if (why !== null) return `${inmate.pid} in it ${why}`;
  }
  return null;
}

function whyNotOurs(
  inmate: CgroupMember,
  { tree, known }: TrackedTree,
  bystanders: ReadonlySet<string>,
  catalogue: Catalogue,
): string | null {
  if (inmate.pid < 2) return "is outside this pid namespace";
  if (bystanders.has(keyOf(inmate))) return "is no part of the tree";
  if (inmate.uids === null || inmate.exe === null) return "could not be read";
  if (tree.uid === 0 || inmate.uids.some((uid) => uid !== tree.uid))
    return `has other user ids (${inmate.uids.join(" ")})`;
  if (known.has(keyOf(inmate))) return null;
  if (isMultiplexer({ exe: inmate.exe } as Proc, catalogue)) return "is a terminal multiplexer";
  const parent = inmate.outsideParent;
  if (parent && parent.pid !== 1 && exeName(parent.exe) !== "systemd") return `was started by ${parent.pid}`;
  return null;
}
