/** Why the absence of a client cannot be concluded. What one user hides is a doubt about that user's trees alone. */

import type { Connections } from "../observation/connections.ts";
import type { HostView } from "../tree/host-view.ts";
import { sessionUserOf } from "../tree/sshd.ts";
import type { Tree } from "../tree/tree.ts";
import type { Group } from "./groups.ts";
import type { Reason } from "./reasons.ts";

/** Why it is not known whether an ssh session is above a tree, or null. */
export function doubtAbove(tree: Tree, { observation }: HostView): Reason | null {
  if (observation.source === "ps")
    return { code: "process-listing", text: "a listing shows titles, not executables" };
  if (tree.ancestryBroken) {
    const last = tree.ancestors.at(-1) ?? tree.root;
    return { code: "ancestor-not-seen", text: `parent ${last.ppid} of ${last.pid} was not seen` };
  }
  const hidden = tree.ancestors.find(({ pid, exe }) => pid !== 1 && exe === null);
  const text = `the executable of ancestor ${hidden?.pid} could not be read`;
  return hidden ? { code: "ancestor-unreadable", text } : null;
}

/** Why it is not known what is connected to a tree of a group, or null. */
export function doubtAround(tree: Tree, group: Group, view: HostView): Reason | null {
  const { connections, overBudget } = view.observation;
  if (connections === null) return { code: "sockets-not-read", text: "sockets were not looked at" };
  if (!connections.complete) {
    const [fault] = connections.faults;
    const text = fault ? `${fault.what}: ${fault.detail}` : "the list of sockets is not complete";
    return { code: "socket-list-incomplete", text };
  }
  if (overBudget?.includes(tree.uid)) {
    const text = `uid ${tree.uid} has more processes or command lines than the sweep reads for one user`;
    return { code: "over-budget", text };
  }
  return unreadable(tree, connections, view) ?? unlisted(tree, group, connections);
}

function unreadable(tree: Tree, connections: Connections, { sshd, table }: HostView): Reason | null {
  const isUsers = (user: number | null): boolean => user === tree.uid || user === tree.root.loginUid;
  const sessions = [...sshd.sessions.values()].filter((one) => isUsers(sessionUserOf(one, table)));
  const starters = tree.ancestors.filter(({ uid }) => uid === tree.uid);
  const hidden = new Set(connections.unreadable);
  const found = [...tree.members, ...starters, ...sessions].find(({ pid }) => hidden.has(pid));
  const text = `the descriptors of ${found?.pid} could not be read`;
  return found ? { code: "descriptors-unreadable", text } : null;
}

/** The kernel lists no socket of another network namespace: if that is the tree's alone, such a socket raises no doubt. */
function unlisted(
  { members, ancestors }: Tree,
  { pids, starters }: Group,
  connections: Connections,
): Reason | null {
  const isInside = (pid: number): boolean => pids.has(pid) || starters.has(pid);
  const mine = new Set([...members, ...ancestors].map(({ pid }) => pid).filter(isInside));
  const open = connections.otherNets.filter((net) => !(net.onlyLoopback && net.pids.every(isInside)));
  const outside = open.find(({ pids }) => pids.some((pid) => mine.has(pid)));
  if (outside) {
    const pid = outside.pids.find((one) => mine.has(one));
    const text = `${pid} is in a network namespace (${outside.id}) that is not the tree's alone`;
    return { code: "other-network-namespace", text };
  }
  const isOpen = (net: string | null): boolean => net === null || open.some(({ id }) => id === net);
  const found = connections.unlisted.find(({ pid, net }) => mine.has(pid) && isOpen(net));
  const text = `${found?.pid} has a socket that the kernel did not list`;
  return found ? { code: "socket-not-listed", text } : null;
}
