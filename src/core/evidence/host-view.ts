import type { Observation } from "../observation/observation.ts";
import type { Proc } from "../observation/process.ts";
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

type Derived = Omit<HostView, "observation">;

const derivedBefore = new WeakMap<readonly Proc[], Derived>();

/**
 * Derives the process table, the trees and the ssh servers from an observation. The steps of a look ask again about the
 * same processes, so what was derived from them is kept.
 */
export function viewOf(observation: Observation, catalogue: Catalogue): HostView {
  const { processes } = observation;
  const before = derivedBefore.get(processes);
  if (before?.catalogue === catalogue) return { ...before, observation };
  const table = makeTable(processes);
  const derived = { catalogue, table, trees: findTrees(table, catalogue), sshd: findSshd(table, catalogue) };
  derivedBefore.set(processes, derived);
  return { ...derived, observation };
}
