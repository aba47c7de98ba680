import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { accountOf, keyOf } from "../../../src/core/observation/process.ts";
import { type Batch, batchesOf, planOf } from "../../../src/core/reap/plan.ts";
import type { Judgement } from "../../../src/core/verdict/judge.ts";
import { ALICE, observation, proc } from "../../helpers/proc.ts";

/** A user with so many orphans of one process each, and other processes. */
interface User {
  readonly uid: number;
  readonly trees: number;
  readonly others: number;
  readonly hasSurvivor?: boolean;
  /** Each of its processes has a subordinate uid of its own. */
  readonly isSpread?: boolean;
}

function host(users: readonly User[]) {
  const judgements: Judgement[] = [];
  const processes = users.flatMap(({ uid: user, trees, others, isSpread }) =>
    Array.from({ length: trees + others }, (_, i) => {
      const uid = isSpread ? user * 100_000 + i : user;
      const root = proc({ pid: user * 10_000 + i, uid, ...(isSpread && { account: user }) });
      if (i < trees)
        judgements.push({ verdict: "reap", tree: { uid, root, members: [root] } } as unknown as Judgement);
      return root;
    }),
  );
  const survivors = users.flatMap(({ uid, hasSurvivor }) =>
    hasSurvivor ? processes.filter((one) => accountOf(one) === uid).slice(0, 1) : [],
  );
  return { judgements, seen: observation(processes, { survivors }) };
}

function batches(users: readonly User[]) {
  const { judgements, seen } = host(users);
  const stuck = new Set(seen.survivors.map(keyOf));
  return batchesOf(planOf(judgements, false, stuck).plan, judgements, seen.processes, stuck);
}

const rootsOf = (batch: Batch | undefined) => batch?.plan.map(({ tree }) => tree.root.pid);
const uidsOf = (plan: readonly Judgement[]): number[] => [
  ...new Set(plan.map(({ tree }) => accountOf(tree.root))),
];

test("a sweep ends 256 unused trees of a user, and reports the others; a forced one ends all", () => {
  const { judgements } = host([
    { uid: ALICE, trees: 257, others: 0 },
    { uid: ALICE + 1, trees: 256, others: 0 },
  ]);
  const used = { ...judgements[0], verdict: "spare" } as Judgement;
  const { plan, faults } = planOf([used, ...judgements], false, new Set());
  assert.equal(plan.length, 512);
  const detail = "this sweep ends 256 of 257, the next ones the others";
  assert.deepEqual(faults, [{ what: "end all unused trees", uid: ALICE, detail }]);
  assert.deepEqual(planOf([used, ...judgements], true, new Set()), { plan: judgements, faults: [] });
});

test("trees that an earlier sweep could not end do not keep the others from their turn", () => {
  const { judgements } = host([{ uid: ALICE, trees: 300, others: 0 }]);
  const rootOf = ({ tree }: Judgement) => keyOf(tree.root);
  const stuck = new Set(judgements.slice(0, 256).map(rootOf));
  const picked = planOf(judgements, false, stuck).plan.map(rootOf);
  assert.deepEqual(picked.slice(0, 44), judgements.slice(256).map(rootOf));
  assert.deepEqual(picked.slice(44), [...stuck].slice(0, 212));
});

test("users with more than is usual are handled alone and last, the smaller first", () => {
  const found = batches([
    { uid: 1, trees: 65, others: 0 },
    { uid: 2, trees: 64, others: 448 },
    { uid: 3, trees: 1, others: 512 },
    { uid: 4, trees: 1, others: 0, hasSurvivor: true },
    { uid: 5, trees: 1, others: 0 },
  ]);
  const apart = ": its trees are ended apart from those of others";
  const told = found.map(({ plan, alone, hasSurvivors }) => [uidsOf(plan), alone, hasSurvivors]);
  assert.deepEqual(told, [
    [[2, 5], null, false],
    [[4], `uid 4 has 1 process in 1 tree, some that nothing ended before${apart}`, true],
    [[1], `uid 1 has 65 processes in 65 trees${apart}`, false],
    [[3], `uid 3 has 513 processes in 1 tree${apart}`, false],
  ]);
});

test("what one user has changes nothing for those who are handled together", () => {
  const user = (uid: number) => fc.record({ uid: fc.constant(uid), trees: fc.nat(3), others: fc.nat(9) });
  const heavy = fc.record({
    trees: fc.integer({ min: 65, max: 400 }),
    others: fc.integer({ min: 0, max: 600 }),
    isSpread: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.tuple(user(1), user(2), user(3)), heavy, fc.nat(3), (users, mass, at) => {
      const [without] = batches(users);
      const [first, ...rest] = batches(users.toSpliced(at, 0, { uid: 9, ...mass }));
      assert.deepEqual(rootsOf(first), rootsOf(without));
      const apart = rest.map(({ plan }) => uidsOf(plan));
      assert.deepEqual(apart, [[9]]);
    }),
    { numRuns: 50 },
  );
});
