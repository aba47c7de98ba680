/** Follows what uses a tree, hop by hop, to the session or host behind it: for people. No verdict rests on it. */

import type { Connection } from "../../../core/observation/connections.ts";
import { exeName, type Proc } from "../../../core/observation/process.ts";
import type { Catalogue } from "../../../core/recognition/catalogue.ts";
import { clientOfSession, connectionsByPid, type HostView } from "../../../core/tree/host-view.ts";
import { ancestorsOf } from "../../../core/tree/process-table.ts";
import type { Tree } from "../../../core/tree/tree.ts";

/** Guard: a user can chain any number of processes. */
const MAX_PROCESSES = 2000;

/**
 * Finds a way to a tree: "host 10.9.0.2:50000 → sshd-session 301 → ssh 303 → server 276". `connections` are those of all
 * processes of the tree's user and of the ssh servers. An ssh client may forward from the host that it has connected to
 * (`ssh -R`). Null: no session and no host is found behind it.
 */
export function pathTo(
  tree: Tree,
  view: HostView,
  connections: readonly Connection[],
  catalogue: Catalogue,
): string | null {
  const links = connectionsByPid(connections, ({ near, far }) => [...near, ...far]);
  const members = new Set(tree.members.map(({ pid }) => pid));
  const queue = tree.members.map((process) => ({ process, path: [nameIn(process, tree)] }));
  const met = new Set(members);
  for (const { process, path } of queue) {
    const of = links.get(process.pid) ?? [];
    const isClient = catalogue.sshClients.includes(exeName(process.exe));
    const host = of.find(
      ({ direction, otherHost }) => otherHost === true && (direction === "accepted" || isClient),
    );
    if (host) return [`host ${host.remote}`, ...path].join(" → ");
    const above = [process, ...ancestorsOf(view.table, process).ancestors];
    const session = above.map(({ pid }) => view.sshd.sessions.get(pid)).find((one) => one !== undefined);
    if (session) {
      const hops = session === process ? path : [nameIn(session, tree), ...path];
      const client = clientOfSession(links.get(session.pid) ?? []);
      return [...(client ? [`host ${client.remote}`] : []), ...hops].join(" → ");
    }
    if (met.size > MAX_PROCESSES) return null;
    // The process at the other end of what it accepted, or of a stream without a direction, may be the client.
    const ends = of.filter(
      ({ direction, far }) => direction !== "opened" || far.some((pid) => view.sshd.sessions.has(pid)),
    );
    for (const pid of ends.flatMap(({ near, far, direction }) =>
      direction === "accepted" ? far : [...near, ...far],
    )) {
      const next = view.table.byPid.get(pid);
      if (next === undefined || met.has(pid)) continue;
      met.add(pid);
      queue.push({ process: next, path: [nameIn(next, tree), ...path] });
    }
  }
  return null;
}

const NAMED_ROLES = ["server", "cli", "agent-host", "launcher", "tunnel"];

/** "server 4100", "socat 4720": a process by its role in the tree, else by its executable. */
function nameIn({ pid, exe, comm }: Proc, tree: Tree): string {
  const role = tree.recognised.get(pid)?.role ?? "";
  return `${NAMED_ROLES.includes(role) ? role : exeName(exe) || comm} ${pid}`;
}
