/** What a sweep notes of trees for the next one, and whose tag has served. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Observation, TreeState } from "../../../src/core/observation/observation.ts";
import { keyOf } from "../../../src/core/observation/process.ts";
import { type Judgement, type JudgeOptions, UNFORCED } from "../../../src/core/verdict/judge.ts";
import { newestOf, type States, servedTags, statesAfter } from "../../../src/core/verdict/states.ts";
import { contextFor, judge } from "../../helpers/judge.ts";
import { NO_GRACE } from "../../helpers/policy.ts";
import { ALICE, fromHost, legacyTree, linked, observation, proc, tagOf, UPTIME } from "../../helpers/proc.ts";

const BOB = 2002;
const NOW = 3_600_000;
const WHOLE: Pick<JudgeOptions, "uids" | "pids"> = { uids: null, pids: null };
const NOTHING = new Set<string>();
const tree = legacyTree(500, { startTime: 100 });
const before: TreeState = { pid: 500, startTime: 100, uid: ALICE, usedAt: 1000, orphanAt: 2000 };
const others: TreeState = { pid: 900, startTime: 90, uid: BOB, usedAt: 1, orphanAt: null };

const seen = (more: Partial<Observation> = {}): Observation =>
  observation(tree, { uptime: NOW, states: [before, others], ...more });
const judged = (from: Observation): Judgement[] => judge(from);
const after = (from: Observation, chosen: Partial<typeof UNFORCED> = {}): States =>
  statesAfter(from, judged(from), { ...UNFORCED, ...chosen }, NOTHING);
const lineOf = (from: Observation): TreeState | undefined =>
  after(from).states.find(({ pid }) => pid === 500);

test("an orphan keeps the time of the first sweep that found it so; use clears that, and doubt changes nothing", () => {
  assert.deepEqual(lineOf(seen()), before);
  assert.equal(lineOf(seen({ states: [] }))?.orphanAt, NOW);
  assert.equal(lineOf(seen({ states: [{ ...before, usedAt: 3000 }] }))?.orphanAt, NOW);
  const used = lineOf(seen({ connections: linked(fromHost(501)) }));
  assert.deepEqual(used, { ...before, usedAt: NOW, orphanAt: null });
  const doubted = seen({ connections: null });
  assert.equal(judged(doubted)[0]?.verdict, "unknown");
  assert.deepEqual(lineOf(doubted), before);
  const agent = { ...before, cpu: { at: 1, rows: [] } };
  assert.deepEqual(lineOf({ ...doubted, states: [agent] }), agent);
});

test("what was not looked at keeps its line, what is gone or was ended loses it", () => {
  const pidsOf = ({ states }: States): number[] => states.map(({ pid }) => pid).sort();
  assert.deepEqual(pidsOf(after(seen())), [500]);
  assert.deepEqual(pidsOf(after(seen(), { uids: [ALICE] })), [500, 900]);
  assert.deepEqual(pidsOf(after(seen(), { pids: [500] })), [500, 900]);
  assert.deepEqual(pidsOf(after(seen({ overBudget: [BOB] }))), [500, 900]);
  const from = seen();
  assert.deepEqual(statesAfter(from, judged(from), WHOLE, new Set([keyOf(before)])).states, []);
});

test("each process of a tree that is ended has its line, so that what is left of it keeps its time", () => {
  const from = seen();
  const { states } = statesAfter(from, judge(from, contextFor(NO_GRACE)), WHOLE, NOTHING);
  const lines = tree.map(({ pid }) => [pid, 2000]);
  assert.deepEqual(
    states.map(({ pid, orphanAt }) => [pid, orphanAt]),
    lines,
  );
});

test("a tree without a state that is older than the last sweep counts as used then: its user was skipped", () => {
  const users = after(seen({ skipped: [BOB] })).states.map(({ uid }) => uid);
  assert.deepEqual(users, [ALICE]);
  assert.equal(after(seen()).lastSweepAt, NOW);
  const bare = (more: Partial<Observation>): number | null =>
    after(observation([], { uptime: NOW, ...more })).lastSweepAt;
  const unread = { states: [others], overBudget: [BOB] };
  assert.deepEqual([bare({}), bare({ skipped: [BOB] }), bare(unread)], [null, NOW, NOW]);
  assert.equal(after(seen({ lastSweepAt: 5 }), { uids: [ALICE] }).lastSweepAt, 5);
  const line = (lastSweepAt: number): number | null | undefined =>
    lineOf(seen({ states: [], lastSweepAt }))?.usedAt;
  assert.deepEqual([line(2000), line(1000), line(999)], [2000, 1000, null]);
  const doubted = seen({ states: [], lastSweepAt: 2000, connections: null });
  assert.deepEqual(lineOf(doubted), { ...before, usedAt: 2000, orphanAt: null });
});

test("of a user with thousands of trees the oldest 256 have a state", () => {
  const node = tree[1]?.exe ?? "";
  const many = Array.from({ length: 300 }, (_, i) =>
    proc({ ...tree[1], pid: 10_000 + i, ppid: 1, startTime: 2000 - i, exe: node }),
  );
  const bobs = { ...others, startTime: 3000 };
  const unread = { uptime: NOW, states: [bobs], overBudget: [BOB] };
  const { states } = after(observation([...many, ...tree], unread));
  assert.deepEqual(states.at(-1), bobs, "another user's is not counted");
  assert.equal(states.length, 256 + 1);
  assert.ok(states.slice(0, -1).every(({ startTime }) => startTime < 1956));
});

test("what either look of a sweep saw in use was in use", () => {
  const [unused, used] = [judged(seen()), judged(seen({ connections: linked(fromHost(501)) }))];
  assert.deepEqual([newestOf(unused, used)[0]?.isInUse, newestOf(used, unused)[0]?.isInUse], [true, true]);
  assert.equal(newestOf(unused, [])[0], unused[0]);
});

test("a tag has served once its user has no tree left; a look at a part of the host removes none", () => {
  const served = (more: Partial<Observation>, chosen = WHOLE, ended = NOTHING): number[] => {
    const from = seen({ tags: [tagOf(UPTIME - 1), tagOf(UPTIME - 1, { uid: BOB })], ...more });
    return servedTags(from, judged(from), chosen, ended).map(({ uid }) => uid);
  };
  assert.deepEqual(served({}), [BOB]);
  assert.deepEqual(served({}, WHOLE, new Set(tree.map(keyOf))), [ALICE, BOB]);
  assert.deepEqual(served({}, WHOLE, new Set([keyOf(before)])), [BOB], "a part of the tree lives");
  assert.deepEqual(served({}, { ...WHOLE, uids: [ALICE] }), []);
  assert.deepEqual(served({}, { ...WHOLE, pids: [500] }), []);
  for (const unseen of [{ skipped: [BOB] }, { overBudget: [BOB] }]) assert.deepEqual(served(unseen), []);
});
