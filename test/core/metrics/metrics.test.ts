import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { addUp, metricsText, type Sample } from "../../../src/core/metrics/metrics.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import type { Judgement, Verdict } from "../../../src/core/verdict/judge.ts";
import { QUIET as quiet, readExposition, seriesValue } from "../../helpers/exposition.ts";
import { judge } from "../../helpers/judge.ts";
import { legacyTree, observation, proc } from "../../helpers/proc.ts";

const VERDICTS: readonly Verdict[] = ["reap", "wait", "spare", "exempt", "unknown"];
const judged = judge(observation(legacyTree(500)))[0] as Judgement;
const one = (product: string, verdict: Verdict): Judgement => {
  return { ...judged, tree: { ...judged.tree, product }, verdict };
};
const text = (sample: Sample, lastGood: number | null = null): string =>
  metricsText(sample, { totals: addUp({}, sample), lastGood });

test("the text is what Prometheus reads, and says what the sweep saw and did", () => {
  const reaped = one("vscode", "reap");
  const { members } = reaped.tree;
  const whole = { judgement: reaped, killed: members, survivors: [], spared: null };
  const judgements = [reaped, one("vscode", "spare"), one("cursor", "wait")];
  const outcomes = [whole, { ...whole, killed: [], survivors: members.slice(1) }];
  const sweep = { ...quiet, judgements, outcomes, faults: 2, failed: true, hookFaults: 4 };
  const samples = readExposition(text(sweep));
  const value = (name: string, labels = {}): number => seriesValue(samples, name, labels);
  assert.equal(value("build_info", { version: "1.2.3" }), 1);
  assert.equal(value("trees", { product: "vscode", verdict: "reap" }), 1);
  assert.equal(value("trees", { product: "vscode", verdict: "wait" }), 0);
  assert.equal(value("trees", { product: "cursor", verdict: "wait" }), 1);
  assert.equal(value("trees", { product: "other", verdict: "spare" }), 0);
  const expected = {
    enforcing: 1,
    sweep_failed: 1,
    sweep_faults: 2,
    breaker_tripped: 0,
    killed_trees_total: 1,
    killed_processes_total: 6,
    survivors_total: 5,
    freed_bytes_total: 6 * 1024 * 1024,
    hook_faults_total: 4,
    sweep_duration_seconds: 1.235,
    last_sweep_timestamp_seconds: 1_800_000_000.5,
    last_success_timestamp_seconds: 0,
    failed_sweeps_total: 1,
  };
  for (const [name, number] of Object.entries(expected)) assert.equal(value(name), number, name);
});

test("however many products there are, the series stay bounded and the sums right", () => {
  const product = fc.string({ unit: "binary" });
  const host = fc.array(fc.tuple(product, fc.constantFrom(...VERDICTS)), { maxLength: 100 });
  fc.assert(
    fc.property(host, (trees) => {
      const judgements = trees.map(([name, verdict]) => one(name, verdict));
      const samples = readExposition(text({ ...quiet, judgements }));
      assert.ok(samples.length <= 63, `${samples.length} series`);
      for (const verdict of VERDICTS) {
        const shown = samples.filter(({ labels }) => labels.verdict === verdict);
        const sum = shown.reduce((total, { value }) => total + value, 0);
        assert.equal(sum, trees.filter((tree) => tree[1] === verdict).length);
      }
    }),
    { numRuns: 50 },
  );
  const crowd = Array.from({ length: 50 }, (_, i) => one(`fork-${i}`, "spare"));
  const others = [one("other", "reap"), one("other", "reap")];
  const samples = readExposition(text({ ...quiet, judgements: [...crowd, ...others] }));
  assert.equal(seriesValue(samples, "trees", { product: "other", verdict: "spare" }), 44);
  assert.equal(seriesValue(samples, "trees", { product: "other", verdict: "reap" }), 2);
});

test("no series names a user or a process", () => {
  const samples = readExposition(text({ ...quiet, judgements: [one("vscode", "reap")] }));
  const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
  assert.deepEqual([...labels].sort(), ["product", "verdict", "version"]);
});

test("counters never fall, whatever comes", () => {
  const process = proc({ pid: 10 });
  const change = fc.record({
    failed: fc.boolean(),
    breakerTripped: fc.boolean(),
    ticksPerSecond: fc.constant(100),
    faults: fc.nat(5),
    ended: fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 3 }),
  });
  const some = (is: boolean): Proc[] => (is ? [process] : []);
  const sample = change.map(({ ended, ...rest }): Sample => {
    const outcomes = ended.map(([killed, survived]) => {
      return { judgement: judged, killed: some(killed), survivors: some(survived), spared: null };
    });
    return { ...quiet, ...rest, outcomes };
  });
  fc.assert(
    fc.property(fc.array(sample), (sweeps) => {
      let before: ReturnType<typeof addUp> = {};
      for (const sweep of sweeps) {
        const after = addUp(before, sweep);
        const [old, now] = [before, after].map((totals) =>
          readExposition(metricsText(sweep, { totals, lastGood: null })),
        );
        for (const { name, value } of (now ?? []).filter((series) => series.name.endsWith("_total")))
          assert.ok(value >= (old?.find((series) => series.name === name)?.value ?? 0), name);
        before = after;
      }
    }),
  );
});

test("the last success is a time in seconds, 0 for never", () => {
  const value = (lastGood: number | null): number =>
    seriesValue(readExposition(text(quiet, lastGood)), "last_success_timestamp_seconds");
  assert.deepEqual([value(null), value(1_800_000_000_500)], [0, 1_800_000_000.5]);
});
