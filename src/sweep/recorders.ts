/** Keeps account of a sweep: the ledger and the metrics. */

import { recordsOf } from "../core/ledger/record.ts";
import type { Policy } from "../core/policy/policy.ts";
import { namesOf } from "../shell/host/accounts.ts";
import { appendLedger } from "../shell/store/ledger.ts";
import { type MetricsPlaces, writeMetrics } from "../shell/store/metrics.ts";
import type { Recorder } from "./sweep.ts";

/** A line for every tree that was ended, or would have been. Where none was, the file is not touched. */
export function ledgerRecorder(file: string): Recorder {
  return ({ observation, outcomes, observing }) => {
    const ended = outcomes.filter(({ spared }) => spared === null);
    if (file === "" || ended.length === 0) return [];
    const userOf = namesOf(ended.map(({ judgement }) => judgement.tree.uid));
    const epochMs = Date.now();
    return appendLedger(file, (lastId) =>
      recordsOf(ended, observation, { epochMs, lastId, userOf, would: observing }),
    );
  };
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
          ticksPerSecond: observation.ticksPerSecond,
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
