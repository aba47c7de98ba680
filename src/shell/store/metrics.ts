/** Keeps the counters that outlive a sweep, and writes the text that Prometheus' node exporter collects. */

import { lstatSync } from "node:fs";
import { join } from "node:path";
import {
  addUp,
  type Counters,
  counters,
  metricsText,
  noCounters,
  type Sample,
} from "../../core/metrics/metrics.ts";
import type { Fault } from "../../core/observation/fault.ts";
import { readDocument, writeDocument } from "./document.ts";
import { RUN_FOLDER, STATE_FOLDER } from "./paths.ts";
import { attempt, replaceFile } from "./safe-files.ts";
import { asAccount } from "./service-account.ts";

const MAX_COUNTER_BYTES = 65_536;

/**
 * Adds a sweep to the counters. Writes the text, which all users may read, unless the sweep was limited to a part of the host.
 */
export function writeMetrics(file: string, sample: Omit<Sample, "hookFaults">): Fault[] {
  const saved = join(STATE_FOLDER, "metrics.json");
  const faults: Fault[] = [];
  const before = readCounters(saved, faults);
  const hookFaults = countHookFaults(join(RUN_FOLDER, "hook.faults"), faults);
  const full: Sample = { ...sample, hookFaults, faults: sample.faults + faults.length };
  const total = addUp(before, full);
  faults.push(...attempt(`write ${saved}`, () => asAccount(() => writeDocument(saved, total))));
  if (!sample.partial)
    faults.push(
      ...attempt(`write the metrics ${file}`, () => replaceFile(file, metricsText(full, total), 0o644)),
    );
  return faults;
}

/** Reads the counters. A damaged file is reported and they start at 0, which Prometheus takes for a restart. */
function readCounters(file: string, faults: Fault[]): Counters {
  try {
    return readDocument(file, counters, MAX_COUNTER_BYTES) ?? noCounters();
  } catch (error) {
    faults.push({ what: `read ${file}`, detail: `${(error as Error).message}; the counters start at 0` });
    return noCounters();
  }
}

/** Counts the hook's faults: it appends one byte per fault. */
function countHookFaults(file: string, faults: Fault[]): number | null {
  try {
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found === undefined) return 0;
    return found.isFile() ? found.size : null;
  } catch (error) {
    faults.push({ what: `read the length of ${file}`, detail: (error as Error).message });
    return null;
  }
}
