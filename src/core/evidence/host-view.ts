import type { Observation } from "../observation/observation.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { makeTable, type ProcTable } from "../tree/process-table.ts";
import { findTrees, type Tree } from "../tree/tree.ts";
import { findSshd, type SshServers } from "./sshd.ts";

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
  return {
    observation,
    catalogue,
    table,
    trees: findTrees(table, catalogue),
    sshd: findSshd(table, catalogue),
  };
}
