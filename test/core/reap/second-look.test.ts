import assert from "node:assert/strict";
import test from "node:test";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { confirmPlan } from "../../../src/core/reap/second-look.ts";
import type { Judgement } from "../../../src/core/verdict/judge.ts";
import { contextFor, judge } from "../../helpers/judge.ts";
import { NO_GRACE } from "../../helpers/policy.ts";
import { accepted, legacyTree, linked, observation, sshSession } from "../../helpers/proc.ts";

const judged = (processes: readonly Proc[], more: Partial<Observation> = {}): Judgement[] =>
  judge(observation(processes, more), contextFor(NO_GRACE));
const roots = (judgements: readonly Judgement[]): number[] => judgements.map(({ tree }) => tree.root.pid);

const [first, second] = [legacyTree(500), legacyTree(800)];
/** What is left of the first tree once its launcher has died: its server's tree. */
const rest = first.slice(1).map((one) => ({ ...one, ppid: one.ppid === 500 ? 1 : one.ppid }));
/** What is left once the server has died too: a tree for each worker. */
const workers = rest.slice(1).map((one) => ({ ...one, ppid: one.ppid === 501 ? 1 : one.ppid }));
const plan = judged(first);

interface Look {
  readonly processes: readonly Proc[];
  readonly more?: Partial<Observation>;
  /** Roots of the trees that are still to be ended. */
  readonly ended: readonly number[];
  /** Why the planned tree is left alone. */
  readonly spared?: RegExp;
}

const looks: Readonly<Record<string, Look>> = {
  "nothing changed": { processes: first, ended: [500] },
  "another orphan is there by now, which was not planned": { processes: [...first, ...second], ended: [500] },
  "it is gone": { processes: [], ended: [], spared: /^gone by itself$/ },
  "other processes have all its numbers by now": {
    processes: first.map((one) => ({ ...one, startTime: one.startTime + 1 })),
    ended: [],
    spared: /^gone by itself$/,
  },
  "a client is connected by now": {
    processes: [...sshSession(300), ...first],
    more: { connections: linked(accepted(501, 301)) },
    ended: [],
    spared: /^spare: in use: /,
  },
  "its launcher has died": { processes: rest, ended: [501] },
  "its launcher and its server have died": { processes: workers, ended: [502, 503, 504] },
  "its launcher and its server have died, and a client is connected to one of its workers": {
    processes: [...sshSession(300), ...workers],
    more: { connections: linked(accepted(503, 301)) },
    ended: [],
    spared: /^spare: in use: /,
  },
};
for (const [what, { processes, more, ended, spared }] of Object.entries(looks))
  test(`right before the first signal, ${what}`, () => {
    const now = judged(processes, more);
    const result = confirmPlan(plan, now);
    assert.deepEqual(roots(result.confirmed), ended);
    // The signals go to the tree as it is now.
    assert.ok(result.confirmed.every((one) => now.includes(one)));
    assert.equal(result.spared.length, spared ? 1 : 0);
    const [outcome] = result.spared;
    if (spared) assert.match(outcome?.spared ?? "", spared);
    if (outcome) assert.deepEqual([outcome.judgement, outcome.killed, outcome.survivors], [plan[0], [], []]);
  });

test("each planned tree is confirmed by itself", () => {
  const connections = linked(accepted(501, 301));
  const both = judged([...first, ...second]);
  const now = judged([...sshSession(300), ...first, ...second], { connections });
  const { confirmed, spared } = confirmPlan(both, now);
  assert.deepEqual(roots(confirmed), [800]);
  assert.deepEqual(roots(spared.map(({ judgement }) => judgement)), [500]);
});

test("a tree in which parts of two planned trees are found is ended once", () => {
  const two = judged(workers.filter(({ pid }) => pid > 502));
  assert.deepEqual(roots(two), [503, 504]);
  assert.deepEqual(roots(confirmPlan(two, plan).confirmed), [500]);
});
