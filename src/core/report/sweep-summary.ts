/** Sums up a sweep in one line for the journal. */

import { memoryKiBOf } from "../costs/costs.ts";
import type { Fault } from "../observation/fault.ts";
import type { Observation } from "../observation/observation.ts";
import type { Outcome } from "../reap/outcome.ts";
import { countOf, formatMemory } from "../text/format.ts";
import type { Judgement } from "../verdict/judge.ts";
import { VERDICTS } from "../verdict/orphan.ts";

/** What the line needs to know of a sweep. */
export interface SweepSummary {
  readonly observation: Pick<Observation, "skipped">;
  readonly judgements: readonly Judgement[];
  readonly outcomes: readonly Outcome[];
  readonly faults: readonly Fault[];
  /** Nothing was to be changed: the outcomes say what would have been. */
  readonly observing: boolean;
  /** Why the circuit breaker stopped the sweep, or null. */
  readonly broken: string | null;
}

/**
 * Formats "12 trees: 1 reap, 11 spare; 1 tree ended (7 processes, 467 MiB)", and before the end "40 users skipped
 * (all in use or young)": those whose other processes the sweep did not read.
 */
export function sweepSummaryLine({
  observation: { skipped = [] },
  judgements,
  outcomes,
  faults,
  observing,
  broken,
}: SweepSummary): string {
  const counts = VERDICTS.flatMap((verdict) => {
    const count = judgements.filter((one) => one.verdict === verdict).length;
    return count > 0 ? [`${count} ${verdict}`] : [];
  });
  const seen = `${countOf(judgements.length, "tree")}${counts.length > 0 ? `: ${counts.join(", ")}` : ""}`;
  const parts = [
    seen,
    ...(skipped.length > 0 ? [`${countOf(skipped.length, "user")} skipped (all in use or young)`] : []),
    broken === null ? endedPart(outcomes, observing) : "nothing ended, the circuit breaker stopped it",
  ];
  if (faults.length > 0) parts.push(countOf(faults.length, "fault"));
  return parts.join("; ");
}

function endedPart(outcomes: readonly Outcome[], observing: boolean): string {
  const ended = outcomes.filter(({ killed, spared }) => spared === null && killed.length > 0);
  const survivors = outcomes.reduce((sum, one) => sum + one.survivors.length, 0);
  if (ended.length === 0 && survivors === 0) return observing ? "nothing to end" : "nothing ended";
  const killed = ended.reduce((sum, one) => sum + one.killed.length, 0);
  const freed = ended.reduce((sum, one) => sum + memoryKiBOf(one.killed), 0);
  const size = `${countOf(killed, "process", "processes")}, ${formatMemory(freed)}`;
  const verb = observing ? "would be ended" : "ended";
  const left = survivors > 0 ? `; ${countOf(survivors, "process", "processes")} survived` : "";
  return `${countOf(ended.length, "tree")} ${verb} (${size})${left}`;
}
