import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { shareOf, type TreeCosts, treeCosts, userCosts } from "../../../src/core/costs/costs.ts";
import { countWatches, parseLimit, parseStat } from "../../../src/core/costs/proc-text.ts";
import { costsInWords, limitLines } from "../../../src/core/costs/words.ts";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { legacyTree, observation } from "../../helpers/proc.ts";

const seen = observation(legacyTree(500));
const tree = judge(seen, contextFor(DEFAULT_POLICY, "2026-01-01"))[0]?.tree;
assert.ok(tree);
const one = { cpuMs: 1500, inotifyWatches: 10 };

describe("the costs of a tree", () => {
  test("add up over its members", () => {
    assert.deepEqual(
      treeCosts(
        tree,
        tree.members.map(() => one),
      ),
      { cpuSeconds: 9, memoryKiB: 6144, processes: 6, threads: 6, inotifyWatches: 60 },
    );
  });
  test("are unknown as soon as one part is: a part would pass for the whole", () => {
    const parts = tree.members.map((_, i) => (i === 3 ? { cpuMs: 1500, inotifyWatches: null } : one));
    assert.deepEqual([treeCosts(tree, parts).cpuSeconds, treeCosts(tree, parts).inotifyWatches], [9, null]);
    assert.equal(treeCosts(tree, []).cpuSeconds, null);
  });
});

describe("a user's costs", () => {
  const costs: TreeCosts = {
    cpuSeconds: 90,
    memoryKiB: 1000,
    processes: 3,
    threads: 30,
    inotifyWatches: 7000,
  };
  const slice = {
    tasks: { used: 480, limit: 500 },
    sliceMemoryKiB: { used: 1_048_576, limit: 8 * 1_048_576 },
    maxWatches: 8192,
  };
  const user = userCosts(2001, [costs, costs], slice);
  test("add up over the trees", () => {
    assert.deepEqual([user.trees, user.cpuSeconds, user.memoryKiB, user.processes], [2, 180, 2000, 6]);
    assert.deepEqual(user.inotifyWatches, { used: 14_000, limit: 8192 });
  });
  test("name the limits that are near, and on demand all", () => {
    assert.deepEqual(limitLines(user), [
      "480 of 500 tasks (pids.max), 96 %",
      "14000 of 8192 file watches in trees (fs.inotify.max_user_watches), 171 %",
    ]);
    assert.equal(limitLines(user, 0)[1], "1.0 GiB of 8.0 GiB memory (memory.max), 13 %");
  });
  test("without limits name none", () => {
    const none = { used: 5, limit: null };
    assert.deepEqual(
      limitLines(userCosts(1, [costs], { tasks: none, sliceMemoryKiB: none, maxWatches: null }), 0),
      [],
    );
    assert.equal(shareOf({ used: null, limit: 5 }), null);
  });
  test("are said in words", () => {
    assert.equal(costsInWords(costs), "1m30s of CPU time, 3 processes, 30 threads, 7000 file watches");
    assert.equal(
      costsInWords({ ...costs, cpuSeconds: null, inotifyWatches: null }),
      "3 processes, 30 threads",
    );
  });
});

describe("the kernel's texts", () => {
  test("a stat file whose name holds parentheses and spaces", () => {
    const fields = Array.from({ length: 50 }, (_, i) => i + 3);
    const text = `4711 (a) (b) 1 2) S ${fields.slice(1).join(" ")}`;
    assert.deepEqual(parseStat(text), { startTime: 22, cpuTicks: 14 + 15 + 16 + 17 });
    for (const torn of ["", "4711 (x", "4711 (x) S 1 2 3"]) assert.equal(parseStat(torn), null, torn);
  });
  test("limits: max and the largest number of version 1 are none", () => {
    assert.deepEqual(["500\n", "max\n", "9223372036854771712\n", "", "x"].map(parseLimit), [
      500,
      null,
      null,
      null,
      null,
    ]);
  });
  test("watches are counted across the cut of two pieces, and once each", () => {
    const line =
      "inotify wd:1 ino:2 sdev:3 mask:ff ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:1\n";
    const text = `pos:\t0\nflags:\t02\nmnt_id:\t15\n${line.repeat(40)}`;
    for (let size = 1; size < 120; size++) {
      let total = 0;
      let rest = "";
      for (let at = 0; at < text.length; at += size) {
        const counted = countWatches(rest, text.slice(at, at + size));
        total += counted.count;
        rest = counted.rest;
      }
      assert.equal(total, 40, `pieces of ${size}`);
    }
  });
});
