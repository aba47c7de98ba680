import assert from "node:assert/strict";
import test from "node:test";
import type { Judgement } from "../../../src/core/verdict/judge.ts";
import { judge } from "../../helpers/judge.ts";
import { CONTEXT, disturb, type Look, type Sweep, simulate, without } from "../../helpers/simulate.ts";
import { type Pick, SimulatedHost } from "../../helpers/simulated-host.ts";

/** REAPER_SEED=n replays one host; REAPER_HOSTS=n simulates another number of them. */
const HOSTS = Number(process.env.REAPER_HOSTS ?? 1500);
const ONE = process.env.REAPER_SEED;
const FIRST = ONE === undefined ? (Date.now() % 1_000_000) * 10_000 : Number(ONE);

const reapedOf = (all: readonly Judgement[]): Judgement[] => all.filter(({ verdict }) => verdict === "reap");

/** What ends is what the oracle ends: nothing used, doubtful, protected or inside its grace, and nothing less. */
function compare({ looks, ended, toEnd }: Sweep, replay: string): void {
  for (const [i, { judged, expected }] of looks.entries()) {
    const found = new Set(reapedOf(judged).map(({ tree }) => tree.root.pid));
    for (const [{ root }, whyNot] of expected) {
      const { verdict, reasons } = judged.find(({ tree }) => tree.root.pid === root) ?? {};
      const is = `${root} is ${verdict} at look ${i} (${reasons?.join("; ")})`;
      assert.equal(found.delete(root), whyNot === null, `${is}, expected: ${whyNot ?? "reap"}; ${replay}`);
    }
    assert.deepEqual([...found], [], `trees that nobody planted are planned at look ${i}; ${replay}`);
  }
  assert.deepEqual(ended.sort(), toEnd.sort(), `other processes ended than were to; ${replay}`);
}

/** One more connection or doubt ends nothing, and nothing that a user has ends another's. */
function compareNeighbours({ seen, judged }: Look, pick: Pick, replay: string): void {
  const reaped = reapedOf(judged).map(({ tree }) => tree.root);
  for (const { tree, reasons } of reapedOf(judge(disturb(seen, pick), CONTEXT)))
    assert.ok(reaped.includes(tree.root), `${tree.root.pid} ends by one more fact: ${reasons}; ${replay}`);
  const user = pick(judged).tree.uid;
  const alone = reapedOf(judge(without(seen, user), CONTEXT)).map(({ tree }) => tree.root.pid);
  for (const { pid, uid, loginUid } of reaped)
    if (uid !== user && loginUid !== user)
      assert.ok(alone.includes(pid), `${pid} ends by what uid ${user} has; ${replay}`);
}

test("simulated hosts: the rule of use and the clock end what is theirs to end, and no more", (t) => {
  const expected: (string | null)[] = [];
  for (let seed = FIRST; seed < FIRST + (ONE === undefined ? HOSTS : 1); seed++) {
    const { pick } = new SimulatedHost(seed);
    const sweeps = simulate(seed);
    const replay = `replay with REAPER_SEED=${seed}`;
    for (const [i, sweep] of sweeps.entries()) {
      compare(sweep, `sweep ${i}, ${replay}`);
      expected.push(...(sweep.looks[0]?.expected.values() ?? []));
    }
    const look = pick(sweeps).looks[0];
    if (look && look.judged.length > 0) compareNeighbours(look, pick, replay);
  }
  const ends = expected.filter((whyNot) => whyNot === null).length;
  t.diagnostic(`seeds from ${FIRST}: ${expected.length} judgements, ${ends} to be ended`);
  if (ONE === undefined) assert.ok(ends > HOSTS / 2, "the simulation made too few orphans");
});
