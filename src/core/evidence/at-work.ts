/**
 * Which facts a look still needs. Most trees are below an ssh session of their user, which parents and executables alone
 * show: whatever else there is to know of them, they are in use.
 */

import { keyOf, type Proc } from "../observation/process.ts";
import { recognise } from "../recognition/recognise.ts";
import { isMultiplexer } from "../tree/boundary.ts";
import { parentOf } from "../tree/process-table.ts";
import type { Tree } from "../tree/tree.ts";
import { type DoubtCode, whyUndecided } from "./doubt.ts";
import type { HostView } from "./host-view.ts";
import { propagate, type Reached } from "./propagate.ts";
import { isOwn, type Node, UseGraph } from "./use-graph.ts";

/** Lists the partly read processes that may be roots of trees: the topmost ones. All others are below these. */
export function topmostPartial({ table, catalogue }: HostView): Proc[] {
  return [...table.byPid.values()].filter((process) => {
    if (!process.partial) return false;
    const parent = parentOf(table, process);
    // These are the boundaries of trees.
    return !parent?.partial || parent.uid !== process.uid || isMultiplexer(parent.exe, catalogue);
  });
}

/**
 * Lists the users all of whose trees are in use for sure, and of whom a look records nothing: each tree is below a live
 * ssh session of its user. Of the sockets, those of the ssh servers must have been read.
 */
export function usersAtWork(view: HostView, topmost: readonly Proc[]): number[] {
  const { observation, trees } = view;
  const { connections, tags } = observation;
  if (!connections?.complete) return [];
  const graph = new UseGraph(view);
  const reached = belowSessions(view, graph);
  const isReached = new Map(
    graph.trees().map(([tree, node]) => [tree, isSurelyUsed(tree, node, reached, view)]),
  );
  const members = new Set(trees.flatMap((tree) => tree.members).map(keyOf));
  const others = new Set([
    0,
    ...(observation.overBudget ?? []),
    ...trees.filter((tree) => isReached.get(tree) !== true).map(({ uid }) => uid),
    // What was not recognised may be part of a tree that shows only by what is below it.
    ...topmost.filter((process) => !members.has(keyOf(process))).map(({ uid }) => uid),
    // Whether a look drops a tag depends on which processes are members.
    ...tags.map(({ uid }) => uid),
  ]);
  return [...new Set(trees.map(({ uid }) => uid))].filter((uid) => !others.has(uid));
}

/**
 * Whether the trees of users at work must be read after all: one of them may be what another tree is connected to, or
 * nothing could be read of all others, which may be these users' doing or this program's blindness.
 */
export function needsUsersAtWork(view: HostView): boolean {
  const { atWork = [], connections } = view.observation;
  const graph = new UseGraph(view);
  const doubts = whyUndecided(view, graph);
  const others = graph.trees().filter(([tree]) => !atWork.includes(tree.uid));
  return (
    others.some(
      ([, node]) =>
        graph.countsOf(node).acceptedUnattributed > 0 || BY_OTHER_END.includes(doubts.get(node)?.code),
    ) ||
    (others.length > 0 && others.every(([{ root }]) => connections?.unreadable.includes(root.pid)))
  );
}

/** Doubts for which nobody who was asked holds the other end of a connection. */
const BY_OTHER_END: readonly (DoubtCode | undefined)[] = ["connection-unattributed", "other-user-in-the-way"];

/** What is below the ssh sessions that are a use for sure: their own sockets show that they do not come from this host. */
function belowSessions({ observation: { connections }, sshd }: HostView, graph: UseGraph): Reached {
  const { unreadable = [], foreignNet = [], unexplained = [] } = connections ?? {};
  const unknown = new Set([...unreadable, ...foreignNet, ...unexplained]);
  const sources = [...graph.all()].filter(
    (node) =>
      node.kind === "session" &&
      sshd.genuine.has(node.process.pid) &&
      !unknown.has(node.process.pid) &&
      !unknown.has(node.process.ppid) &&
      graph.openedHere(node) === "no",
  );
  const origins = sources.map((node) => ({ node, user: node.user, behind: null }));
  return propagate(graph, origins);
}

function isSurelyUsed(tree: Tree, node: Node, reached: Reached, { catalogue }: HostView): boolean {
  // A root that only what is below it makes a server needs the command lines there.
  const found = recognise(tree.root, catalogue);
  if (found === null || found.role === "unknown") return false;
  const way = reached.wayTo(node, (user) => user !== null && isOwn(user, tree));
  return (
    way !== null &&
    way.user !== null &&
    isOwn(way.user, tree) &&
    way.edges.every(({ how }) => how === "below")
  );
}
