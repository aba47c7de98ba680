/** Joins the two steps of one look. */

import type { Connections, Link } from "./connections.ts";
import type { Proc } from "./process.ts";

/** Takes the second step's word on the processes of `users`, and keeps the first step's on all others. */
export function mergeProcesses(
  first: readonly Proc[],
  second: readonly Proc[],
  users: readonly number[],
): Proc[] {
  const again = new Set(second.map(({ pid }) => pid));
  return [...second, ...first.filter(({ pid, uid }) => !again.has(pid) && !users.includes(uid))];
}

/** Adds up what both steps saw. A connection that either of them saw counts, and so does what either did not see. */
export function mergeConnections(first: Connections | null, second: Connections | null): Connections | null {
  if (first === null || second === null) return second ?? first;
  const both = (a: readonly number[], b: readonly number[]): number[] => [...new Set([...a, ...b])];
  // The second step asked more processes: it attributes what the first could not.
  const replaced = new Set(second.links.flatMap((link) => [keyOf(link), keyOf({ ...link, peerPid: null })]));
  return {
    complete: first.complete && second.complete,
    source: second.source,
    links: [...first.links.filter((link) => !replaced.has(keyOf(link))), ...second.links],
    unreadable: both(first.unreadable, second.unreadable),
    foreignNet: both(first.foreignNet, second.foreignNet),
    unexplained: both(first.unexplained ?? [], second.unexplained ?? []),
    established: second.established,
    faults: [...first.faults, ...second.faults],
  };
}

const keyOf = ({ kind, pid, peerPid, direction, otherHost }: Link): string =>
  [kind, pid, peerPid, direction, otherHost].join(" ");
