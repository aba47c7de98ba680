import type { Connection } from "../observation/connections.ts";
import type { Observation } from "../observation/observation.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { makeTable, type ProcTable } from "./process-table.ts";
import { findSshd, type SshServers } from "./sshd.ts";
import { findTrees, type Tree } from "./tree.ts";

/** An observation with what is derived from it: made once per observation and passed along. */
export interface HostView {
  readonly observation: Observation;
  readonly catalogue: Catalogue;
  readonly table: ProcTable;
  /** Every tree, by the pid of its root. */
  readonly trees: readonly Tree[];
  readonly sshd: SshServers;
}

/** Derives the process table, the trees and the ssh servers from an observation. */
export function viewOf(observation: Observation, catalogue: Catalogue): HostView {
  const table = makeTable(observation.processes);
  const trees = findTrees(table, catalogue);
  return { observation, catalogue, table, trees, sshd: findSshd(table, catalogue) };
}

/** Lists the connections of each process; `pidsOf` lists the processes that have a connection. */
export function connectionsByPid(
  connections: readonly Connection[],
  pidsOf: (connection: Connection) => readonly number[],
): Map<number, Connection[]> {
  const found = new Map<number, Connection[]>();
  for (const connection of connections)
    for (const pid of new Set(pidsOf(connection))) {
      const list = found.get(pid);
      if (list) list.push(connection);
      else found.set(pid, [connection]);
    }
  return found;
}

/** Finds the connection to another host among those that an ssh session holds. */
export const clientOfSession = (held: readonly Connection[]): Connection | undefined =>
  held.find(({ kind, otherHost }) => kind === "tcp" && otherHost === true);
