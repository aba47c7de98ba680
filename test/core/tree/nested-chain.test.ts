/** One user's chain of nested servers: its cost is its length, whatever it is asked for. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Proc } from "../../../src/core/observation/process.ts";
import { makeTracker, refreshTrackedTree } from "../../../src/core/reap/tracked-tree.ts";
import { outcomeEvents } from "../../../src/core/report/sweep-events.ts";
import { viewOf } from "../../../src/core/tree/host-view.ts";
import { makeTable } from "../../../src/core/tree/process-table.ts";
import { findTrees } from "../../../src/core/tree/tree.ts";
import { judge } from "../../helpers/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { LEGACY, observation, proc } from "../../helpers/proc.ts";

const LENGTH = 16_000;

/** Every process a server, each the child of the one before, as an attacker nests them. */
function chain(length: number): Proc[] {
  const argv = [`${LEGACY}/node`, `${LEGACY}/out/server-main.js`, "--start-server"];
  return Array.from({ length }, (_, i) =>
    proc({ pid: 1000 + i, ppid: i === 0 ? 1 : 999 + i, startTime: 100 + i, exe: `${LEGACY}/node`, argv }),
  );
}

/** The processes of a table, each asked for its parent at most so many times. */
function counted(processes: readonly Proc[]): { processes: Proc[]; asked: () => number } {
  let asked = 0;
  const watched = processes.map((process) =>
    Object.defineProperty({ ...process }, "ppid", {
      enumerable: true,
      get: () => {
        asked++;
        return process.ppid;
      },
    }),
  );
  return { processes: watched, asked: () => asked };
}

test("the topmost server is found in as many steps as there are processes, in whatever order they are listed", () => {
  for (const listed of [chain(LENGTH), chain(LENGTH).reverse()]) {
    const { processes, asked } = counted(listed);
    const trees = findTrees(makeTable(processes), DEFAULT_POLICY.catalogue);
    const sizes = trees.map(({ root, members }) => [root.pid, members.length]);
    assert.deepEqual(sizes, [[1000, LENGTH]]);
    assert.ok(asked() < 10 * LENGTH, `${asked()} steps`);
  }
});

test("a chain whose every server is set free is one tree, found in as many steps", () => {
  const free = chain(LENGTH).map((process) => ({ ...process, tty: 34_816, ignoresHangup: true }));
  const { processes, asked } = counted(free);
  const trees = findTrees(makeTable(processes), DEFAULT_POLICY.catalogue);
  const sizes = trees.map(({ root, members }) => [root.pid, members.length]);
  assert.deepEqual(sizes, [[1000, 1]]);
  assert.ok(asked() < 10 * LENGTH, `${asked()} steps`);
});

test("a tree that is being ended is found again in as many steps as there are processes", () => {
  const view = viewOf(observation(chain(LENGTH)), DEFAULT_POLICY.catalogue);
  const [tree] = findTrees(view.table, DEFAULT_POLICY.catalogue);
  assert.ok(tree);
  let steps = 0;
  const children = new Map(view.table.children);
  const get = children.get.bind(children);
  children.get = (pid) => {
    steps++;
    return get(pid);
  };
  const tracked = makeTracker([tree], view)(tree);
  refreshTrackedTree(tracked, { ...view, table: { ...view.table, children } });
  assert.equal(tracked.alive.length, LENGTH);
  assert.ok(steps < 2 * LENGTH, `${steps} steps`);
});

test("the log of a chain neither overflows the stack nor grows with the square of its length", () => {
  const seen = observation(chain(LENGTH));
  const judgement = judge(seen)[0];
  assert.ok(judgement);
  const killed = judgement.tree.members;
  const events = outcomeEvents({ judgement, killed, survivors: [], spared: null }, seen, false);
  assert.equal(events.length, LENGTH + 1);
  const size = events.reduce((sum, { message }) => sum + message.length, 0);
  assert.ok(size < 300 * LENGTH, `${size} characters`);
  assert.match(events.at(-1)?.message ?? "", /^ {3}16999 {4}16998 {4}(?: {2}\|- {2}){32}\[15999\] \/home\//);
});
