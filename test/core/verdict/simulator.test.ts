import assert from "node:assert/strict";
import test from "node:test";
import { ageOf } from "../../../src/core/observation/observation.ts";
import { contextFor, type Judgement, judge } from "../../../src/core/verdict/judge.ts";
import { marksAfter } from "../../../src/core/verdict/marks.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { simulate, type Truth } from "../../helpers/simulate.ts";

/** REAPER_SEED=n replays one trial; REAPER_TRIALS=n runs another number of them. */
const TRIALS = Number(process.env.REAPER_TRIALS ?? 10_000);
const ONE = process.env.REAPER_SEED;
const FIRST = ONE === undefined ? (Date.now() % 1_000_000) * 10_000 : Number(ONE);
const CONTEXT = contextFor(DEFAULT_POLICY, "2026-01-01");

const pidsOf = (judged: readonly Judgement[]): Set<number> =>
  new Set(judged.flatMap(({ tree }) => tree.members.map(({ pid }) => pid)));

/** The processes of a look's plan, none of which is used or protected. */
function planOf(
  judged: readonly Judgement[],
  { connected, protectedPids }: Truth,
  replay: string,
): Set<number> {
  const plan = judged.filter(({ verdict }) => verdict === "reap");
  const planned = pidsOf(plan);
  for (const pid of planned) {
    const reasons = (): string =>
      plan.find(({ tree }) => tree.members.some((member) => member.pid === pid))?.reasons.join() ?? "";
    assert.ok(!connected.has(pid), `${pid} (${connected.get(pid)}) is planned: ${reasons()}; ${replay}`);
    assert.ok(
      !protectedPids.has(pid),
      `${pid} (${protectedPids.get(pid)}) is planned: ${reasons()}; ${replay}`,
    );
  }
  return planned;
}

test("simulated hosts: nothing used or protected is planned at either look, and true orphans are found", (t) => {
  const totals = { trees: 0, connected: 0, orphans: 0, found: 0, withheld: 0, planned: 0, atFirst: 0 };
  for (let seed = FIRST; seed < FIRST + (ONE === undefined ? TRIALS : 1); seed++) {
    const world = simulate(seed);
    const replay = `replay with REAPER_SEED=${seed}`;
    const judged = judge(world.observation, CONTEXT);
    const first = planOf(judged, world.truth, `first look, ${replay}`);
    const marks = marksAfter(world.observation, judged, { uids: null, pids: null });
    const used = new Set(judged.flatMap(({ use, tag }) => (use?.own === true && tag ? [tag.uid] : [])));
    const again = judge(world.later(marks, used), CONTEXT);
    const second = planOf(again, world.laterTruth, `second look, ${replay}`);
    // Younger than its grace an orphan without a tag gets no mark: the second look is the first that counts.
    const young = judged.filter(
      ({ tree, tag, grace }) => tag === null && ageOf(tree.root, world.observation) < grace,
    );
    const unmarked = new Set(young.map(({ tree }) => tree.root.pid));
    totals.trees += judged.length;
    totals.connected += world.truth.connected.size;
    totals.planned += first.size + second.size;
    totals.atFirst += first.size;
    for (const [truth, planned] of [
      [world.truth, first],
      [world.laterTruth, new Set([...first, ...second])],
    ] as const)
      for (const [root, { withheld }] of truth.orphans) {
        if (withheld) totals.withheld++;
        if (withheld || unmarked.has(root)) continue;
        totals.orphans++;
        if (planned.has(root)) totals.found++;
        else if (ONE !== undefined || process.env.REAPER_MISSED)
          t.diagnostic(
            `${replay}: ${root} was not found: ${again.find(({ tree }) => tree.root.pid === root)?.reasons.join()}`,
          );
      }
  }
  t.diagnostic(`seeds from ${FIRST}: ${JSON.stringify(totals)}`);
  if (ONE !== undefined) return;
  assert.ok(
    totals.connected > TRIALS && totals.orphans > TRIALS / 2 && totals.atFirst > TRIALS / 10,
    "the simulation made too little to judge",
  );
  assert.ok(
    totals.found >= totals.orphans * 0.99,
    `found ${totals.found} of ${totals.orphans}; seeds from ${FIRST}`,
  );
});
