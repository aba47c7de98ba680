import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  addUp,
  type Counters,
  counters,
  metricsText,
  noCounters,
  type Sample,
} from "../../../src/core/metrics/metrics.ts";
import { parseJson } from "../../../src/core/text/parse-json.ts";
import type { Judgement, Verdict } from "../../../src/core/verdict/judge.ts";
import { readExposition, seriesValue } from "../../helpers/exposition.ts";
import { judge } from "../../helpers/judge.ts";
import { legacyTree, observation, proc } from "../../helpers/proc.ts";

const parseCounters = (text: string) => parseJson(counters, text);
const VERDICTS: readonly Verdict[] = ["reap", "wait", "spare", "exempt", "unknown"];
const judged = judge(observation(legacyTree(500)))[0] as Judgement;
const one = (product: string, verdict: Verdict): Judgement => ({
  ...judged,
  tree: { ...judged.tree, product },
  verdict,
});
const quiet: Sample = {
  version: "1.2.3",
  enforcing: true,
  judgements: [],
  outcomes: [],
  ticksPerSecond: 100,
  faults: 0,
  failed: false,
  breakerTripped: false,
  took: 1234.5,
  endedAt: 1_800_000_000_500,
  bootId: "b007",
  hookFaults: 0,
  partial: false,
};
const text = (sample: Sample, before = noCounters()): string => metricsText(sample, addUp(before, sample));

test("the text is what Prometheus reads, and says what the sweep saw and did", () => {
  const reaped = one("vscode", "reap");
  const { members } = reaped.tree;
  const samples = readExposition(
    text({
      ...quiet,
      judgements: [reaped, one("vscode", "spare"), one("cursor", "wait")],
      outcomes: [
        { judgement: reaped, killed: members, survivors: [], spared: null },
        {
          judgement: reaped,
          killed: [],
          survivors: members.slice(1),
          spared: null,
        },
      ],
      faults: 2,
      failed: true,
      hookFaults: 4,
    }),
  );
  const value = (name: string, labels = {}): number => seriesValue(samples, name, labels);
  assert.equal(value("build_info", { version: "1.2.3" }), 1);
  assert.equal(value("trees", { product: "vscode", verdict: "reap" }), 1);
  assert.equal(value("trees", { product: "vscode", verdict: "wait" }), 0);
  assert.equal(value("trees", { product: "cursor", verdict: "wait" }), 1);
  assert.equal(value("trees", { product: "other", verdict: "spare" }), 0);
  assert.deepEqual(
    ["enforcing", "sweep_failed", "sweep_faults", "breaker_tripped", "killed_trees_total"].map((name) =>
      value(name),
    ),
    [1, 1, 2, 0, 1],
  );
  assert.deepEqual(
    ["killed_processes_total", "survivors_total", "freed_bytes_total", "hook_faults_total"].map((name) =>
      value(name),
    ),
    [6, 5, 6 * 1024 * 1024, 4],
  );
  assert.equal(value("sweep_duration_seconds"), 1.235);
  assert.equal(value("last_sweep_timestamp_seconds"), 1_800_000_000.5);
  assert.equal(value("last_success_timestamp_seconds"), 0);
  assert.equal(value("failed_sweeps_total"), 1);
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
  const crowd = Array.from({ length: 50 }, (_, i) => one(`fork-${i}`, "spare")).concat(
    [1, 2].map(() => one("other", "reap")),
  );
  const samples = readExposition(text({ ...quiet, judgements: crowd }));
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
    partial: fc.boolean(),
    ticksPerSecond: fc.constant(100),
    faults: fc.nat(5),
    bootId: fc.constantFrom("b1", "b2"),
    hookFaults: fc.option(fc.nat(1_048_576)),
    ended: fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 3 }),
  });
  const sample = change.map(
    ({ ended, ...rest }): Sample => ({
      ...quiet,
      ...rest,
      outcomes: ended.map(([killed, survived]) => ({
        judgement: judged,
        killed: killed ? [process] : [],
        survivors: survived ? [process] : [],
        spared: null,
      })),
    }),
  );
  fc.assert(
    fc.property(fc.array(sample), (sweeps) => {
      let before: Counters = noCounters();
      for (const sweep of sweeps) {
        const after = addUp(before, sweep);
        const old = readExposition(metricsText(sweep, before));
        const now = readExposition(metricsText(sweep, after));
        for (const { name, value } of now.filter((series) => series.name.endsWith("_total")))
          assert.ok(value >= (old.find((series) => series.name === name)?.value ?? 0), name);
        assert.deepEqual(parseCounters(JSON.stringify(after)), { value: after });
        before = after;
      }
    }),
  );
});

test("the hook's file is counted once: growth, a new boot, a removed file, one that cannot be seen", () => {
  let counters = noCounters();
  const after = (hookFaults: number | null, bootId = "b007"): number => {
    counters = addUp(counters, { ...quiet, hookFaults, bootId });
    return counters.totals.hook_faults_total ?? 0;
  };
  assert.deepEqual([after(3), after(3), after(5), after(null), after(6)], [3, 3, 5, 5, 6]);
  assert.deepEqual([after(2), after(2)], [8, 8]);
  assert.deepEqual([after(2, "b008"), after(9, "b008")], [10, 17]);
});

test("the last success is of a whole sweep that did not fail", () => {
  const first = addUp(noCounters(), quiet);
  assert.equal(first.lastSuccess, quiet.endedAt);
  for (const worse of [{ failed: true }, { partial: true }])
    assert.equal(addUp(first, { ...quiet, endedAt: quiet.endedAt + 5, ...worse }).lastSuccess, quiet.endedAt);
});

test("saved counters are read as they were written, damaged files are refused", () => {
  const written = { ...noCounters(), totals: { sweeps_total: 3 } };
  assert.deepEqual(parseCounters(JSON.stringify(written)), { value: written });
  const version = '"schemaVersion":1';
  for (const bad of [
    "",
    "x",
    "[]",
    "null",
    '{"totals":{}}',
    ...["-1", '"3"', "1.5", "null"].map((count) =>
      JSON.stringify(noCounters()).replace("{}", `{"x":${count}}`),
    ),
    `{${version},"totals":{}}`,
  ])
    assert.ok("error" in parseCounters(bad), bad);
});
