/** Makes the metrics of a sweep for Prometheus: the trees of the host, what the sweep ended, and counters that only grow. */

import * as v from "valibot";
import { memoryKiBOf, type TreeCosts, treeCosts } from "../costs/costs.ts";
import { keyOf } from "../observation/process.ts";
import type { Outcome } from "../reap/outcome.ts";
import { groupBy } from "../text/group-by.ts";
import { type DataOf, epochTime, wholeNumber } from "../text/parse-json.ts";
import { escapeText } from "../text/safe-text.ts";
import type { Judgement, Verdict } from "../verdict/judge.ts";
import { VERDICTS } from "../verdict/orphan.ts";

/** The counters that outlive a sweep, by metric, with what each counts. */
const TOTALS = {
  sweeps_total: "Sweeps.",
  failed_sweeps_total: "Sweeps with a failure.",
  breaker_trips_total: "Sweeps that the circuit breaker ended.",
  faults_total: "Things that sweeps could not read or do.",
  killed_trees_total: "Trees ended.",
  killed_processes_total: "Processes ended, verified dead.",
  survivors_total: "Processes that survived a sweep.",
  freed_bytes_total: "Memory of the processes ended.",
} as const;

type Total = keyof typeof TOTALS;

export const lastSweep = v.object({
  schemaVersion: v.literal(1),
  /** Milliseconds since the epoch: of the last one, and of the last one without failure (null: none yet). */
  at: epochTime,
  lastGood: v.nullable(epochTime),
  /** Processes that the last one could not end. */
  survivors: wholeNumber,
  /** What it could not do, a line each. */
  faults: v.array(v.string()),
  /** The counters of all sweeps, by metric; those of some users add to them. */
  totals: v.record(v.string(), wholeNumber),
});

/** What the last sweep of the whole host that was no dry run leaves. */
export type LastSweep = DataOf<typeof lastSweep>;

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
  /** How many faults the hook has counted since boot. */
  readonly hookFaults: number;
}

/** Adds a sweep to the counters. None of them ever falls. */
export function addUp(before: LastSweep["totals"], sample: Sample): LastSweep["totals"] {
  const { outcomes, failed } = sample;
  const sum = (pick: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + pick(outcome), 0);
  const added: Readonly<Record<Total, number>> = {
    sweeps_total: 1,
    failed_sweeps_total: failed ? 1 : 0,
    breaker_trips_total: sample.breakerTripped ? 1 : 0,
    faults_total: sample.faults,
    killed_trees_total: sum(({ killed, survivors }) => (killed.length > 0 && survivors.length === 0 ? 1 : 0)),
    killed_processes_total: sum(({ killed }) => killed.length),
    survivors_total: sum(({ survivors }) => survivors.length),
    freed_bytes_total: sum(({ killed }) => memoryKiBOf(killed)) * 1024,
  };
  return Object.fromEntries(Object.entries(added).map(([name, more]) => [name, (before[name] ?? 0) + more]));
}

/** The other products are counted as "other". */
const MAX_PRODUCTS = 6;
const OTHER = "other";
const PREFIX = "vscode_grim_reaper_";

/** A value, or one for each set of labels: `{product="vscode",verdict="reap"}`. */
type Values = number | Readonly<Record<string, number>>;
/** One whose name ends in `_total` is a counter, any other a gauge. */
type Metric = readonly [name: string, help: string, values: Values];

/** Guard: an escaped text holds no control character, so a label's value cannot end its quotes or its line. */
const quoted = (text: string): string => JSON.stringify(escapeText(text));

/** Counts trees. Guard: products are bounded, and no user or process is a label, so no user can add series. */
function treesByProduct(judgements: readonly Judgement[]): Readonly<Record<string, number>> {
  const shown = [...groupBy(judgements, ({ tree }) => tree.product)]
    .sort(([a, n], [b, m]) => m.length - n.length || (a < b ? -1 : 1))
    .map(([product]) => product)
    .filter((product) => product !== OTHER)
    .slice(0, MAX_PRODUCTS)
    .sort();
  const counts = new Map(
    [...shown, OTHER].flatMap((product) => VERDICTS.map((verdict) => [labelsOf(product, verdict), 0])),
  );
  for (const { tree, verdict } of judgements) {
    const labels = labelsOf(shown.includes(tree.product) ? tree.product : OTHER, verdict);
    counts.set(labels, (counts.get(labels) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}

const labelsOf = (product: string, verdict: Verdict): string =>
  `{product=${quoted(product)},verdict="${verdict}"}`;

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

/** Formats the whole file, as Prometheus reads it (exposition format 0.0.4). `last`: with the counters after this sweep. */
export function metricsText(sample: Sample, last: Pick<LastSweep, "totals" | "lastGood">): string {
  const costs = costsAfter(sample);
  const sum = (pick: (one: TreeCosts) => number): number => costs.reduce((all, one) => all + pick(one), 0);
  const largest = costs.reduce((most, { memoryKiB }) => Math.max(most, memoryKiB), 0);
  const seconds = (ms: number): number => ms / 1000;
  const metrics: readonly Metric[] = [
    ["build_info", "The version of the last sweep.", { [`{version=${quoted(sample.version)}}`]: 1 }],
    [
      "trees",
      "Server trees that the last sweep found, by product and verdict.",
      treesByProduct(sample.judgements),
    ],
    // Guard: sums and a maximum, for a label with a user or a process would let users add series.
    ["trees_cpu_seconds", "CPU time of all trees.", sum(({ cpuSeconds }) => cpuSeconds ?? 0)],
    ["trees_memory_bytes", "Resident memory of all trees.", sum(({ memoryKiB }) => memoryKiB) * 1024],
    ["trees_processes", "Processes of all trees.", sum(({ processes }) => processes)],
    ["tree_memory_bytes_max", "Resident memory of the largest tree.", largest * 1024],
    ["enforcing", "1 if sweeps end orphans, 0 if they only observe.", sample.enforcing ? 1 : 0],
    ["last_sweep_timestamp_seconds", "When the last sweep of the whole host ended.", seconds(sample.endedAt)],
    [
      "last_success_timestamp_seconds",
      "When a sweep last ended without a failure of the whole host; 0 for never.",
      seconds(last.lastGood ?? 0),
    ],
    ["sweep_duration_seconds", "How long the last sweep took.", seconds(Math.round(sample.took))],
    ["sweep_failed", "1 if something survived, or could not be read or written.", sample.failed ? 1 : 0],
    ["sweep_faults", "Things that the last sweep could not read or do.", sample.faults],
    [
      "breaker_tripped",
      "1 if the evidence looked broken and the sweep ended nothing.",
      sample.breakerTripped ? 1 : 0,
    ],
    ["hook_faults_total", "Faults of the session-close hook since boot.", sample.hookFaults],
    ...Object.entries(TOTALS).map(([name, help]): Metric => [name, help, last.totals[name] ?? 0]),
  ];
  const lines = metrics.flatMap(([name, help, values]) => [
    `# HELP ${PREFIX}${name} ${help}`,
    `# TYPE ${PREFIX}${name} ${name.endsWith("_total") ? "counter" : "gauge"}`,
    ...Object.entries(typeof values === "number" ? { "": values } : values).map(
      ([labels, value]) => `${PREFIX}${name}${labels} ${value}`,
    ),
  ]);
  return `${lines.join("\n")}\n`;
}
