import assert from "node:assert/strict";
import { test } from "node:test";
import { treeCosts } from "../../../src/core/costs/costs.ts";
import { judgeOne } from "../../helpers/judge.ts";
import { legacyTree, observation } from "../../helpers/proc.ts";

test("the costs of a tree add up, and are unknown as soon as one part is", () => {
  const seen = observation(legacyTree(500));
  const { tree } = judgeOne(seen);
  const timed = { ...tree, members: tree.members.map((one) => ({ ...one, cpuTicks: 150 })) };
  const sums = { memoryKiB: 6144, processes: 6, threads: 6 };
  assert.deepEqual(treeCosts(timed, 100), { cpuSeconds: 9, ...sums });
  const members = timed.members.map((one, i) => (i === 3 ? { ...one, cpuTicks: undefined } : one));
  assert.deepEqual(treeCosts({ ...timed, members }, 100), { cpuSeconds: null, ...sums });
});
