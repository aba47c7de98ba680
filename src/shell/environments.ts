/** Finds batch jobs by the environments of processes. */

import { type Fault, markExceeded } from "../core/observation/fault.ts";
import { keyOf, type Proc } from "../core/observation/process.ts";
import { jobVariableNames } from "../core/tree/batch-job.ts";
import type { HostView } from "../core/tree/host-view.ts";
import { leadersOf } from "../core/tree/tree.ts";
import type { Native } from "./host/native.ts";
import { subordinateUids } from "./host/subordinate-uids.ts";
import { MEMORY_TIMES } from "./read-host.ts";

/** The batch job variables of the leaders of trees, each read once. */
export class Environments {
  readonly faults: Fault[] = [];
  private readonly native: Native;
  private readonly procRoot: string;
  /** By `keyOf`; null is an environment that could not be read. */
  private readonly variables = new Map<string, readonly string[] | null>();

  constructor(native: Native, procRoot: string) {
    this.native = native;
    this.procRoot = procRoot;
  }

  /** Reads those of leaders that were not read yet. */
  async read({ trees, catalogue }: HostView): Promise<void> {
    const leaders = trees.flatMap(leadersOf).filter((leader) => !this.variables.has(keyOf(leader)));
    for (const leader of leaders) this.variables.set(keyOf(leader), null);
    // Guard: a process whose command line hung would hang again, and is reported already.
    const asked = leaders.filter(({ argvStatus }) => argvStatus !== "timeout");
    if (asked.length === 0) return;
    try {
      const { results, faults } = await this.native.environNames({
        procRoot: this.procRoot,
        owners: subordinateUids(),
        processes: asked.map(({ pid, startTime, uid }) => ({ pid, startTime, uid })),
        names: jobVariableNames(catalogue),
        ...MEMORY_TIMES,
      });
      for (const [i, leader] of asked.entries()) this.variables.set(keyOf(leader), results[i] ?? null);
      this.faults.push(...markExceeded(faults));
    } catch (error) {
      this.faults.push({ what: "read environments", detail: (error as Error).message });
    }
  }

  addTo(processes: readonly Proc[]): Proc[] {
    return processes.map((process) => {
      const jobVariables = this.variables.get(keyOf(process));
      return jobVariables === undefined ? process : { ...process, jobVariables };
    });
  }
}
