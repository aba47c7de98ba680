/** Makes the metrics of a sweep for Prometheus: the trees of the host, what the sweep ended, and counters that only grow. */

import * as v from "valibot";
import { type TreeCosts, treeCosts } from "../costs/costs.ts";
import { keyOf } from "../observation/process.ts";
import { freedKiBOf } from "../reap/freed-memory.ts";
import type { Outcome } from "../reap/outcome.ts";
import { type Parsed, parseJson, wholeNumber } from "../text/parse-json.ts";
import { escapeText } from "../text/safe-text.ts";
import type { Judgement } from "../verdict/judge.ts";
import { VERDICTS } from "../verdict/verdicts.ts";
import { expose, type Metric, type Series } from "./exposition.ts";

const counters = v.object({
  schemaVersion: v.literal(1),
  sweeps: wholeNumber,
  failedSweeps: wholeNumber,
  breakerTrips: wholeNumber,
  faults: wholeNumber,
  killedTrees: wholeNumber,
  killedProcesses: wholeNumber,
  survivors: wholeNumber,
  freedKiB: wholeNumber,
  hookFaults: wholeNumber,
  /** How long the hook's file of faults was at the last sweep, and the boot in which it was made. */
  hookSeen: wholeNumber,
  hookBoot: v.string(),
  /** Milliseconds since the epoch; 0 for never. */
  lastSuccess: wholeNumber,
});

/** The counters that outlive a sweep. */
export type Counters = v.InferOutput<typeof counters>;

/** Makes counters that all stand at 0. */
export const noCounters = (): Counters => ({
  schemaVersion: 1,
  sweeps: 0,
  failedSweeps: 0,
  breakerTrips: 0,
  faults: 0,
  killedTrees: 0,
  killedProcesses: 0,
  survivors: 0,
  freedKiB: 0,
  hookFaults: 0,
  hookSeen: 0,
  hookBoot: "",
  lastSuccess: 0,
});

/** Reads the counters of a saved file. */
export const parseCounters = (text: string): Parsed<Counters> => parseJson(counters, text);

/** What the metrics need to know of one sweep. */
export interface Sample {
  readonly version: string;
  readonly enforcing: boolean;
  readonly judgements: readonly Judgement[];
  /** Empty in a sweep that only observes. */
  readonly outcomes: readonly Outcome[];
  readonly ticksPerSecond: number;
  readonly faults: number;
  readonly failed: boolean;
  readonly breakerTripped: boolean;
  /** How long the sweep took, and when it ended since the epoch; both in milliseconds. */
  readonly took: number;
  readonly endedAt: number;
  readonly bootId: string;
  /** How many faults the hook has counted since boot; null if that is not known. */
  readonly hookFaults: number | null;
  /** Whether the sweep was limited to some users or trees: then it counts, but says nothing about the host. */
  readonly partial: boolean;
}

/** What one sweep did. */
interface Done {
  readonly killedTrees: number;
  readonly killedProcesses: number;
  readonly survivors: number;
  readonly freedKiB: number;
}

function doneIn(outcomes: readonly Outcome[]): Done {
  const sum = (pick: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + pick(outcome), 0);
  return {
    killedTrees: outcomes.filter(({ killed, survivors }) => killed.length > 0 && survivors.length === 0)
      .length,
    killedProcesses: sum(({ killed }) => killed.length),
    survivors: sum(({ survivors }) => survivors.length),
    freedKiB: sum(({ killed }) => freedKiBOf(killed)),
  };
}

/** Adds a sweep to the counters. None of them ever falls. */
export function addUp(before: Counters, sample: Sample): Counters {
  const done = doneIn(sample.outcomes);
  const seen = before.hookBoot === sample.bootId ? before.hookSeen : 0;
  const now = sample.hookFaults ?? seen;
  return {
    schemaVersion: 1,
    sweeps: before.sweeps + 1,
    failedSweeps: before.failedSweeps + (sample.failed ? 1 : 0),
    breakerTrips: before.breakerTrips + (sample.breakerTripped ? 1 : 0),
    faults: before.faults + sample.faults,
    killedTrees: before.killedTrees + done.killedTrees,
    killedProcesses: before.killedProcesses + done.killedProcesses,
    survivors: before.survivors + done.survivors,
    freedKiB: before.freedKiB + done.freedKiB,
    // A shorter file is a new one: somebody removed the old one, so all its faults are new.
    hookFaults: before.hookFaults + (now >= seen ? now - seen : now),
    hookSeen: now,
    hookBoot: sample.bootId,
    lastSuccess: sample.failed || sample.partial ? before.lastSuccess : sample.endedAt,
  };
}

export const MAX_SERIES = 63;
/** The other products are counted as "other", so that the file stays below MAX_SERIES. */
const MAX_PRODUCTS = 6;
const OTHER = "other";
const PREFIX = "vscode_grim_reaper_";

/** Counts trees. Guard: products are bounded, and no user or process is a label, so no user can add series. */
function treesByProduct(judgements: readonly Judgement[]): Series[] {
  const sizes = new Map<string, number>();
  for (const { tree } of judgements) sizes.set(tree.product, (sizes.get(tree.product) ?? 0) + 1);
  const shown = [...sizes]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([product]) => product)
    .filter((product) => product !== OTHER)
    .slice(0, MAX_PRODUCTS);
  const groupOf = (product: string): string => (shown.includes(product) ? product : OTHER);
  return [...shown.sort(), OTHER].flatMap((group) =>
    VERDICTS.map((verdict) => ({
      labels: { product: escapeText(group), verdict },
      value: judgements.filter((one) => one.verdict === verdict && groupOf(one.tree.product) === group)
        .length,
    })),
  );
}

/** What the trees cost that live on; those that ended are in the ledger. */
function costsAfter({ judgements, outcomes, ticksPerSecond }: Sample): TreeCosts[] {
  const ended = new Set(
    outcomes
      .filter(({ spared, survivors }) => spared === null && survivors.length === 0)
      .map(({ judgement }) => keyOf(judgement.tree.root)),
  );
  return judgements
    .filter(({ tree }) => !ended.has(keyOf(tree.root)))
    .map(({ tree }) => treeCosts(tree, ticksPerSecond));
}

/** Formats the whole file. `total` holds the counters after this sweep. */
export function metricsText(sample: Sample, total: Counters): string {
  const one = (name: string, type: Metric["type"], help: string, value: number): Metric => ({
    name: PREFIX + name,
    type,
    help,
    series: [{ value }],
  });
  const gauge = (name: string, help: string, value: number): Metric => one(name, "gauge", help, value);
  const counter = (name: string, help: string, value: number): Metric => one(name, "counter", help, value);
  const seconds = (ms: number): number => ms / 1000;
  const costs = costsAfter(sample);
  const sum = (pick: (one: TreeCosts) => number): number =>
    costs.reduce((total, one) => total + pick(one), 0);
  const largest = costs.reduce((most, { memoryKiB }) => Math.max(most, memoryKiB), 0);
  return expose([
    {
      name: `${PREFIX}build_info`,
      type: "gauge",
      help: "The version of the last sweep.",
      series: [{ labels: { version: sample.version }, value: 1 }],
    },
    {
      name: `${PREFIX}trees`,
      type: "gauge",
      help: "Server trees that the last sweep found, by product and verdict.",
      series: treesByProduct(sample.judgements),
    },
    // Guard: sums and a maximum, for a label with a user or a process would let users add series.
    gauge(
      "trees_cpu_seconds",
      "CPU time of all trees.",
      sum(({ cpuSeconds }) => cpuSeconds ?? 0),
    ),
    gauge("trees_memory_bytes", "Resident memory of all trees.", sum(({ memoryKiB }) => memoryKiB) * 1024),
    gauge(
      "trees_processes",
      "Processes of all trees.",
      sum(({ processes }) => processes),
    ),
    gauge("tree_memory_bytes_max", "Resident memory of the largest tree.", largest * 1024),
    gauge("enforcing", "1 if sweeps end orphans, 0 if they only observe.", sample.enforcing ? 1 : 0),
    gauge(
      "last_sweep_timestamp_seconds",
      "When the last sweep of the whole host ended.",
      seconds(sample.endedAt),
    ),
    gauge(
      "last_success_timestamp_seconds",
      "When a sweep last ended without a failure; 0 for never.",
      seconds(total.lastSuccess),
    ),
    gauge("sweep_duration_seconds", "How long the last sweep took.", seconds(Math.round(sample.took))),
    gauge("sweep_failed", "1 if something survived, or could not be read or written.", sample.failed ? 1 : 0),
    gauge("sweep_faults", "Things that the last sweep could not read or do.", sample.faults),
    gauge(
      "breaker_tripped",
      "1 if the evidence looked broken and the sweep ended nothing.",
      sample.breakerTripped ? 1 : 0,
    ),
    counter("sweeps_total", "Sweeps.", total.sweeps),
    counter("failed_sweeps_total", "Sweeps with a failure.", total.failedSweeps),
    counter("breaker_trips_total", "Sweeps that the circuit breaker ended.", total.breakerTrips),
    counter("faults_total", "Things that sweeps could not read or do.", total.faults),
    counter("killed_trees_total", "Trees ended.", total.killedTrees),
    counter("killed_processes_total", "Processes ended, verified dead.", total.killedProcesses),
    counter("survivors_total", "Processes that survived a sweep.", total.survivors),
    counter("freed_bytes_total", "Memory of the processes ended.", total.freedKiB * 1024),
    counter(
      "hook_faults_total",
      "Faults of the session-close hook, at most 1,048,576 per boot.",
      total.hookFaults,
    ),
  ]);
}
