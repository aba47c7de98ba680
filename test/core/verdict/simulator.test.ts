import assert from "node:assert/strict";
import test from "node:test";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { simulate } from "../../helpers/simulate.ts";

/** REAPER_SEED=n replays one trial; REAPER_TRIALS=n runs another number of them. */
const TRIALS = Number(process.env.REAPER_TRIALS ?? 10_000);
const ONE = process.env.REAPER_SEED;
const FIRST = ONE === undefined ? (Date.now() % 1_000_000) * 10_000 : Number(ONE);

test("simulated hosts: nothing connected or protected is planned, and true orphans are found", (t) => {
  const context = contextFor(DEFAULT_POLICY, "2026-01-01");
  const totals = { trees: 0, connected: 0, orphans: 0, found: 0, withheld: 0, planned: 0 };
  for (let seed = FIRST; seed < FIRST + (ONE === undefined ? TRIALS : 1); seed++) {
    const { observation, truth } = simulate(seed);
    const judged = judge(observation, context);
    const plan = judged.filter(({ verdict }) => verdict === "reap");
    const planned = new Set(plan.flatMap(({ tree }) => tree.members.map(({ pid }) => pid)));
    const replay = `replay with REAPER_SEED=${seed}`;
    for (const pid of planned) {
      assert.ok(!truth.connected.has(pid), `${pid} is connected and planned; ${replay}`);
      assert.ok(
        !truth.protectedPids.has(pid),
        `${pid} (${truth.protectedPids.get(pid)}) is planned; ${replay}`,
      );
    }
    totals.trees += judged.length;
    totals.connected += truth.connected.size;
    totals.planned += planned.size;
    for (const [root, { withheld }] of truth.orphans) {
      if (withheld) totals.withheld++;
      else {
        totals.orphans++;
        if (planned.has(root)) totals.found++;
      }
    }
  }
  t.diagnostic(`seeds from ${FIRST}: ${JSON.stringify(totals)}`);
  if (ONE !== undefined) return;
  assert.ok(
    totals.connected > TRIALS && totals.orphans > TRIALS / 2,
    "the simulation made too little to judge",
  );
  assert.ok(
    totals.found >= totals.orphans * 0.99,
    `found ${totals.found} of ${totals.orphans}; seeds from ${FIRST}`,
  );
});
