/** Finds batch jobs by the environments of processes. */

import { type Fault, markExceeded } from "../core/observation/fault.ts";
import type { Proc } from "../core/observation/process.ts";
import { jobVariableNames } from "../core/tree/batch-job.ts";
import type { HostView } from "../core/tree/host-view.ts";
import { leadersOf } from "../core/tree/tree.ts";
import type { Native } from "./host/native.ts";
import { subordinateUids } from "./host/subordinate-uids.ts";
import { MEMORY_TIMES } from "./read-host.ts";

/** Reads which batch job variables the leaders of trees have, and adds them to these processes; null: unreadable. */
export async function withJobVariables(
  { observation, catalogue, trees }: HostView,
  native: Native,
  procRoot: string,
): Promise<{ processes: readonly Proc[]; faults: readonly Fault[] }> {
  const leaders = new Set(trees.flatMap(leadersOf));
  // Guard: a process whose command line hung would hang again, and is reported already.
  const asked = [...leaders].filter(({ argvStatus }) => argvStatus !== "timeout");
  const found = new Map<Proc, readonly string[] | null>();
  let faults: readonly Fault[] = [];
  try {
    if (asked.length > 0) {
      const answer = await native.environNames({
        procRoot,
        owners: subordinateUids(),
        processes: asked.map(({ pid, startTime, uid }) => ({ pid, startTime, uid })),
        names: jobVariableNames(catalogue),
        ...MEMORY_TIMES,
      });
      for (const [i, leader] of asked.entries()) found.set(leader, answer.results[i] ?? null);
      faults = markExceeded(answer.faults);
    }
  } catch (error) {
    faults = [{ what: "read environments", detail: (error as Error).message }];
  }
  const processes = observation.processes.map((one) =>
    leaders.has(one) ? { ...one, jobVariables: found.get(one) ?? null } : one,
  );
  return { processes, faults };
}
