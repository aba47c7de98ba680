import assert from "node:assert/strict";
import test from "node:test";
import type { Mark, Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { mergePolicy, type PolicyLayer } from "../../../src/core/policy/policy.ts";
import { makeTable } from "../../../src/core/tree/process-table.ts";
import { findTrees } from "../../../src/core/tree/tree.ts";
import { isAgentTree, usedBy, withoutFormer, workSince } from "../../../src/core/verdict/agents.ts";
import { graceOf } from "../../../src/core/verdict/grace.ts";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { marksAfter } from "../../../src/core/verdict/marks.ts";
import { ALICE, HOME, legacyTree, observation, proc, TICKS, UPTIME } from "../../helpers/proc.ts";

const CODEX = `${HOME}/.codex/packages/standalone/releases/0.147.0/bin/codex`;
const daemon = proc({ pid: 500, exe: CODEX, argv: "codex app-server --listen unix://" });
const HOUR = 3_600_000;

function treeOf(...processes: ReturnType<typeof proc>[]) {
  const [tree] = findTrees(makeTable(processes), mergePolicy([]).catalogue);
  assert.ok(tree);
  return tree;
}

test("a daemon is an agent's by its root, not by an agent that runs in a terminal of a server", () => {
  assert.ok(isAgentTree(treeOf(daemon)));
  assert.ok(!isAgentTree(treeOf(...legacyTree(600))));
  assert.ok(!isAgentTree(treeOf(...legacyTree(600), { ...daemon, pid: 700, ppid: 605 })));
});

test("agents have a grace of their own, which a product's overrides and a daemon's own shortens", () => {
  const grace = (layer: PolicyLayer, ...processes: ReturnType<typeof proc>[]): number =>
    graceOf(treeOf(...processes), mergePolicy([layer])) / 60_000;
  assert.equal(grace({}, daemon), 120);
  assert.equal(grace({ agents: { grace: "3h" } }, daemon), 180);
  assert.equal(grace({ graceByProduct: { codex: "5m" } }, daemon), 5);
  assert.equal(grace({ agents: { grace: "3h" } }, ...legacyTree(600)), 10);
  const argv = `${HOME}/.vscode-cli/code agent host --idle-timeout 300`;
  assert.equal(grace({}, proc({ pid: 500, exe: `${HOME}/.vscode-cli/code`, argv })), 5);
});

test("a site may leave agents alone", () => {
  const verdict = (layer: PolicyLayer, ...processes: ReturnType<typeof proc>[]): string | undefined =>
    judge(observation(processes), contextFor(mergePolicy([layer]), "2026-11-25"))[0]?.verdict;
  assert.equal(verdict({ agents: { policy: "exempt" } }, daemon), "exempt");
  assert.notEqual(verdict({}, daemon), "exempt");
  assert.notEqual(verdict({ agents: { policy: "exempt" } }, ...legacyTree(600)), "exempt");
  assert.equal(daemon.uid, ALICE);
});

/** A member by pid and the clock ticks that it has used; a tick is 10 ms. */
const member = (pid: number, cpuTicks: number | undefined): Proc => ({
  ...proc({ pid, startTime: 7 }),
  cpuTicks,
});
const mark = (used: Mark["used"]): Mark => ({ pid: 500, startTime: 7, seenUptime: 0, used });

const works: readonly (readonly [busy: string, why: string, used: Mark["used"], members: Proc[]])[] = [
  ["unknown", "the mark holds no CPU times", undefined, [member(500, 100)]],
  ["no", "it used exactly one per cent", [[500, 7, 100]], [member(500, 3700)]],
  ["yes", "it used more", [[500, 7, 100]], [member(500, 3701)]],
  [
    "yes",
    "its child did",
    [
      [500, 7, 100],
      [501, 7, 0],
    ],
    [member(500, 100), member(501, 3601)],
  ],
  [
    "yes",
    "all together did",
    [
      [500, 7, 0],
      [501, 7, 0],
    ],
    [member(500, 1801), member(501, 1800)],
  ],
  ["yes", "a new child did", [[500, 7, 0]], [member(500, 0), member(501, 4000)]],
  [
    "yes",
    "a new child under an old number did",
    [
      [500, 7, 0],
      [501, 6, 4000],
    ],
    [member(500, 0), member(501, 4000)],
  ],
  [
    "unknown",
    "a child could not be read",
    [
      [500, 7, 0],
      [501, 7, 0],
    ],
    [member(500, 0), member(501, undefined)],
  ],
  ["yes", "what could be read did", [[500, 7, 0]], [member(500, 4000), member(501, undefined)]],
  [
    "no",
    "another process used it",
    [
      [500, 7, 0],
      [900, 7, 0],
    ],
    [member(500, 0)],
  ],
  [
    "yes",
    "one counter ran back",
    [
      [500, 7, 9000],
      [501, 7, 0],
    ],
    [member(500, 0), member(501, 4000)],
  ],
];

for (const [busy, why, used, members] of works) {
  test(`whether it was busy is ${busy} where ${why}`, () => {
    assert.equal(workSince({ members }, mark(used), { uptime: HOUR, ticksPerSecond: 100 }).busy, busy);
  });
}

test("two looks at one moment show no CPU time in between", () => {
  const at = { uptime: 0, ticksPerSecond: 100 };
  assert.equal(workSince({ members: [member(500, 4000)] }, mark([[500, 7, 0]]), at).busy, "unknown");
});

test("a mark keeps the CPU times of a tree, unless one is not known", () => {
  assert.deepEqual(usedBy([member(500, 5), member(501, 0)]), [
    [500, 7, 5],
    [501, 7, 0],
  ]);
  assert.equal(usedBy([member(500, 5), member(501, undefined)]), undefined);
});

/** A daemon with thousands of children: the verdict of each sweep, two hours apart, and the marks that the last leaves. */
function sweepsOf(...looks: readonly (readonly Proc[])[]) {
  let marks: readonly Mark[] = [];
  const verdicts = looks.map((children, i) => {
    const seen = observation([{ ...daemon, startTime: 7, cpuTicks: 100 }, ...children], {
      marks,
      uptime: UPTIME + 2 * i * HOUR,
    });
    const judged = judge(seen, contextFor(mergePolicy([]), "2026-11-25"));
    assert.equal(judged.length, 1);
    marks = marksAfter(seen, judged, { uids: null, pids: null });
    return judged[0]?.verdict;
  });
  return { verdicts, marks };
}
const child = (i: number, cpuTicks = 30, startTime = 8): Proc => ({
  ...proc({ pid: 1000 + i, ppid: 500, exe: CODEX, argv: "codex", startTime }),
  cpuTicks,
});
const children = Array.from({ length: 3000 }, (_, i) => child(i));

test("a daemon with thousands of idle processes ends on the second look, and is left alone when one of them worked", () => {
  assert.deepEqual(sweepsOf(children, children).verdicts, ["wait", "reap"]);
  assert.deepEqual(sweepsOf(children, children.slice(1)).verdicts, ["wait", "reap"]);
  const worked = [...children.slice(0, 2999), child(2999, 30 + 7300)];
  assert.deepEqual(sweepsOf(children, worked).verdicts, ["wait", "spare"]);
  // What the dead had used hides none of what the living used.
  assert.deepEqual(sweepsOf([child(0, 90_000), ...children.slice(1)], worked.slice(1)).verdicts, [
    "wait",
    "spare",
  ]);
});

test("a mark drops the CPU times of processes that have ended, and those of an old number", () => {
  const { marks } = sweepsOf(
    children,
    [child(0, 30, 9), child(1), child(2)].map((one) => ({ ...one, uid: ALICE })),
  );
  assert.equal(marks.length, 1);
  const keep = {
    ...mark([
      [500, 7, 1],
      [501, 7, 2],
      [502, 7, 3],
    ]),
  };
  const living = [member(500, 9), member(502, 9), { ...member(501, 9), startTime: 8 }];
  assert.deepEqual(
    withoutFormer(keep, living),
    mark([
      [500, 7, 1],
      [502, 7, 3],
    ]),
  );
  assert.deepEqual(
    marks[0]?.used?.map(([pid]) => pid),
    [500, 1001, 1002],
  );
});

/** An agent's daemon, left alone: what a sweep says that many minutes after its mark, and the mark that it leaves. */
function sweepAfter(
  minutes: number,
  ticks: number,
  init: Partial<Observation> = {},
  layer: PolicyLayer = {},
) {
  const startTime = ((UPTIME - 5 * HOUR) / 1000) * TICKS;
  const process = { ...daemon, startTime, cpuTicks: ticks };
  const before: Mark = {
    pid: 500,
    startTime,
    seenUptime: UPTIME - minutes * 60_000,
    used: [[500, startTime, 100]],
  };
  const seen = observation([process], { marks: [before], ...init });
  const [judgement] = judge(seen, contextFor(mergePolicy([layer]), "2026-11-25"));
  assert.ok(judgement);
  const [after] = marksAfter(seen, [judgement], { uids: null, pids: null });
  return { verdict: judgement.verdict, reason: judgement.reasons.join(), before, after };
}

test("an idle daemon ends on the second look, its grace after the first", () => {
  assert.equal(sweepAfter(119, 100).verdict, "wait");
  assert.equal(sweepAfter(121, 100).verdict, "reap");
  const { before, after } = sweepAfter(60, 100);
  assert.deepEqual(after, before);
});

test("a busy daemon is left alone and loses its mark, so the time begins anew when it is idle", () => {
  const { verdict, reason, after } = sweepAfter(121, 90_000);
  assert.equal(verdict, "spare");
  assert.match(reason, /^busy: used 14m59s of CPU time in the last 2h/);
  assert.equal(after, undefined);
  assert.equal(sweepAfter(121, 90_000, {}, { agents: { busy: "ignore" } }).verdict, "reap");
});

test("one look never ends a daemon: not with a tag, nor with a grace of nothing", () => {
  assert.equal(sweepAfter(0, 100, { marks: [] }).verdict, "wait");
  assert.equal(sweepAfter(0, 100, { marks: [] }, { agents: { grace: "0s" } }).verdict, "wait");
  assert.equal(sweepAfter(0, 100, { marks: [] }, { untagged: "reap" }).verdict, "wait");
  assert.equal(sweepAfter(1, 100, {}, { agents: { grace: "0s" } }).verdict, "reap");
});

test("a mark without CPU times, from before an upgrade, is made anew", () => {
  const startTime = ((UPTIME - 5 * HOUR) / 1000) * TICKS;
  const old = { pid: 500, startTime, seenUptime: UPTIME - 3 * HOUR };
  const { verdict, after } = sweepAfter(0, 100, { marks: [old] });
  assert.equal(verdict, "wait");
  assert.deepEqual(after, { ...old, seenUptime: UPTIME, used: [[500, startTime, 100]] });
});
