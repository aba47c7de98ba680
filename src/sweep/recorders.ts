/** Who keeps account of a sweep: the ledger and the metrics. */

import type { Costs } from "../core/costs/costs.ts";
import { recordsOf } from "../core/ledger/record.ts";
import { keyOf } from "../core/observation/process.ts";
import type { Policy } from "../core/policy/policy.ts";
import type { Outcome } from "../core/reap/outcome.ts";
import type { Judgement } from "../core/verdict/judge.ts";
import { measureCosts } from "../shell/costs/measure-costs.ts";
import { namesOf } from "../shell/host/accounts.ts";
import { appendLedger } from "../shell/store/ledger.ts";
import { type MetricsPlaces, writeMetrics } from "../shell/store/metrics.ts";
import type { Recorder } from "./sweep.ts";

/** A line for every tree that was ended. Where nothing was, the file is not touched. */
export function ledgerRecorder(file: string): Recorder {
  return ({ observation, outcomes, observing }) => {
    const ended = outcomes.filter(({ spared }) => spared === null);
    if (file === "" || observing || ended.length === 0) return [];
    const names = namesOf([...new Set(ended.map(({ judgement }) => judgement.tree.uid))]);
    const userOf = (uid: number): string => names.get(uid) ?? String(uid);
    const epochMs = Date.now();
    return appendLedger(file, (lastId) => recordsOf(ended, observation, { epochMs, lastId, userOf }));
  };
}

/** What the trees cost that live on; those that ended are in the ledger. */
function costsAfter(
  judgements: readonly Judgement[],
  outcomes: readonly Outcome[],
  ticksPerSecond: number,
): Costs {
  const ended = new Set(
    outcomes
      .filter(({ spared, survivors }) => spared === null && survivors.length === 0)
      .map(({ judgement }) => keyOf(judgement.tree.root)),
  );
  const trees = judgements.map(({ tree }) => tree).filter(({ root }) => !ended.has(keyOf(root)));
  return measureCosts(trees, { procRoot: "/proc", ticksPerSecond });
}

/** Comes after those whose faults it counts. `partial`: not the whole host was looked at. */
export function metricsRecorder(
  places: MetricsPlaces,
  policy: Policy,
  version: string,
  partial: boolean,
): Recorder {
  return ({ observation, judgements, outcomes, faults, failed, broken, observing }) =>
    places.file === ""
      ? []
      : writeMetrics(places, {
          version,
          enforcing: policy.enforce,
          judgements,
          costs: costsAfter(judgements, observing ? [] : outcomes, observation.ticksPerSecond),
          outcomes: observing ? [] : outcomes,
          faults: faults.length,
          failed,
          breakerTripped: broken !== null,
          // Since this program started.
          took: performance.now(),
          endedAt: Date.now(),
          bootId: observation.bootId,
          partial,
        });
}
