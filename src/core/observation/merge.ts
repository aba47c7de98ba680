/** Joins the two steps of one look. */

import type { Connections, Link } from "./connections.ts";
import { keyOf as idOf, type Proc } from "./process.ts";

/** Takes the second step's word on the processes of `users`, and keeps the first step's on all others. */
export function mergeProcesses(
  first: readonly Proc[],
  second: readonly Proc[],
  users: readonly number[],
): Proc[] {
  const again = new Set(second.map(({ pid }) => pid));
  return [...second, ...first.filter(({ pid, uid }) => !again.has(pid) && !users.includes(uid))];
}

/** Puts whole processes in the place of partly read ones. What was asked for and is not there any more has ended. */
export function mergeCompleted(
  seen: readonly Proc[],
  whole: readonly Proc[],
  asked: readonly Proc[],
): Proc[] {
  const wanted = new Set(asked.map(idOf));
  const found = new Map(whole.map((process) => [idOf(process), process]));
  return seen.flatMap((process) =>
    wanted.has(idOf(process)) ? (found.get(idOf(process)) ?? []) : [process],
  );
}

/** The sockets of the processes that one step asked. */
export interface AskedConnections {
  readonly asked: readonly number[];
  readonly connections: Connections;
}

/** Adds up what both steps saw. A connection that either of them saw counts, and so does what either could not see. */
export function mergeConnections(first: AskedConnections, second: AskedConnections): Connections {
  const [one, two] = [first.connections, second.connections];
  const both = (a: readonly number[], b: readonly number[]): number[] => [...new Set([...a, ...b])];
  return {
    complete: one.complete && two.complete,
    source: two.source,
    links: mergeLinks(first, second),
    unreadable: both(one.unreadable, two.unreadable),
    foreignNet: both(one.foreignNet, two.foreignNet),
    unexplained: both(one.unexplained ?? [], two.unexplained ?? []),
    established: two.established,
    faults: [...one.faults, ...two.faults],
  };
}

/** Of a process that both steps asked, sockets that neither could attribute stay so: the other end was asked in one. */
function mergeLinks(first: AskedConnections, second: AskedConnections): Link[] {
  const [before, after] = [first, second].map(
    ({ connections }) => new Map(connections.links.map((l) => [keyOf(l), l])),
  );
  const [askedBefore, askedAfter] = [new Set(first.asked), new Set(second.asked)];
  const links = new Map([...(before ?? []), ...(after ?? [])]);
  return [...links.values()].flatMap((link) => {
    const isAsked = askedBefore.has(link.pid) && askedAfter.has(link.pid);
    if (!isAsked || link.peerPid !== null || link.otherHost === true) return [link];
    const counts = [before, after].map((step) => countOf(step?.get(keyOf(link))));
    const sockets = Math.min(...counts);
    return sockets > 0 ? [{ ...link, sockets }] : [];
  });
}

const countOf = (link: Link | undefined): number => (link === undefined ? 0 : Math.max(1, link.sockets ?? 1));

const keyOf = ({ kind, pid, peerPid, direction, otherHost }: Link): string =>
  [kind, pid, peerPid, direction, otherHost].join(" ");
