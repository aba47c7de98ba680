import assert from "node:assert/strict";
import test from "node:test";
import type { Proc } from "../../../src/core/observation/process.ts";
import { ancestorsOf, isDead, makeTable } from "../../../src/core/tree/process-table.ts";
import { findTrees, leadersOf, type Tree } from "../../../src/core/tree/tree.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { ALICE, INIT, leftHelper, legacyTree, proc, TICKS, UPTIME } from "../../helpers/proc.ts";

const treesAmong = (...processes: readonly Proc[]): Tree[] =>
  findTrees(makeTable([INIT, ...processes]), DEFAULT_POLICY.catalogue);
const pidsOf = (tree: Tree | undefined): number[] => tree?.members.map(({ pid }) => pid) ?? [];
const LATE = (UPTIME / 1000) * TICKS;
test("a child that is older than the process of its parent's number is not below that", () => {
  const [root, ...rest] = legacyTree(500) as [Proc, ...Proc[]];
  const recycled = { ...root, pid: 500, startTime: LATE };
  const [above, tree] = treesAmong(recycled, ...rest);
  assert.deepEqual([pidsOf(above), pidsOf(tree)], [[500], [501, 502, 503, 504, 505]]);
  assert.equal(tree?.ancestryBroken, true);
});

test("a child that started in the same tick as its parent is below it", () => {
  const [tree] = treesAmong(...legacyTree(500, { startTime: 1000 }));
  assert.deepEqual(pidsOf(tree), [500, 501, 502, 503, 504, 505]);
});

test("in whatever order the kernel lists processes, trees go by their roots, and members depth first by their pids", () => {
  const listed = [...legacyTree(500), ...legacyTree(600)].reverse();
  const found = treesAmong(...listed);
  assert.deepEqual(found.map(pidsOf), [
    [500, 501, 502, 503, 504, 505],
    [600, 601, 602, 603, 604, 605],
  ]);
});

test("a tree has its root's product and kind", () => {
  const tunnel = proc({ pid: 500, exe: "/usr/local/bin/code", argv: ["code", "tunnel"] });
  const [tree] = treesAmong(tunnel);
  assert.deepEqual([tree?.product, tree?.kind], ["tunnel", "tunnel"]);
});

const at = (pid: number, ppid = 1): Proc => proc({ pid, ppid });
const circle = [7, 6, 5].map((pid) => proc({ pid, ppid: pid === 5 ? 7 : pid - 1, startTime: 9 }));
type Above = readonly [what: string, processes: readonly Proc[], pids: number[], broken: boolean];
const above: readonly Above[] = [
  ["up to init", [at(7, 6), at(6, 5), at(5), INIT], [6, 5, 1], false],
  ["up to an init that was not seen", [at(7, 6), at(6)], [6], false],
  ["of a process without a parent in its pid namespace", [at(7, 0)], [], false],
  ["of a process whose parent a listing does not show", [at(7, -1)], [], true],
  ["up to a parent that was not seen", [at(7, 6), at(6, 5)], [6], true],
  ["up to another process under the parent's number", [at(7, 6), { ...at(6), startTime: LATE }], [], true],
  ["in a circle", circle, [6, 5], true],
  ["of a process that is its own parent", [at(7, 7)], [], true],
];
for (const [what, processes, pids, broken] of above)
  test(`ancestors ${what}: ${broken ? "broken" : "all known"}`, () => {
    const found = ancestorsOf(makeTable(processes), processes[0] as Proc);
    assert.deepEqual([found.ancestors.map(({ pid }) => pid), found.broken], [pids, broken]);
  });

test("a process that is its own parent is not a child", () => {
  assert.deepEqual([...makeTable([proc({ pid: 7, ppid: 7 })]).children], []);
});

test("what is below a process that is no member is none either; a dead process is none", () => {
  const [tree] = treesAmong(
    ...legacyTree(500),
    proc({ pid: 510, ppid: 505, uid: 0, exe: "/usr/bin/sudo" }),
    proc({ pid: 511, ppid: 510 }),
    proc({ pid: 512, ppid: 501, state: "Z", exe: null }),
    proc({ pid: 513, ppid: 501, state: "Z", threads: 3, exe: null }),
  );
  assert.deepEqual(pidsOf(tree), [500, 501, 502, 503, 504, 505, 513]);
});

test("one thread makes a Z dead, two make it alive; X is dead", () => {
  const state = (letter: string, threads: number): boolean =>
    isDead(proc({ pid: 7, state: letter, threads }));
  assert.deepEqual([state("Z", 1), state("Z", 2), state("X", 2), state("S", 1)], [true, false, true, false]);
});

test("what could not be read of a member, and jobs other than the root's, end the tree there", () => {
  const spared = (init: Partial<Proc>): string[] => {
    const below = proc({ pid: 510, ppid: 505, ...init });
    return treesAmong(...legacyTree(500), below)[0]?.sparedBelow.map(({ why }) => why) ?? [];
  };
  assert.deepEqual(spared({ uid: 0, uids: [0, 0, 0, 0] }), ["runs as uid 0"]);
  assert.deepEqual(spared({ cgroups: null }), ["its cgroups could not be read"]);
  assert.deepEqual(spared({ uids: null }), ["its user ids could not be read"]);
  assert.deepEqual(spared({ cgroups: ["/user.slice", "/slurm/uid_2001/job_9"] }), ["is in a Slurm job"]);
  assert.deepEqual(spared({ exe: "/usr/bin/tmux" }), ["is a terminal multiplexer"]);
  assert.deepEqual(spared({ uids: [ALICE, ALICE, 0, ALICE] }), ["has other user ids (2001 2001 0 2001)"]);
  const jobs = [9, 10].map((number) => ({ cgroups: [`/slurm/uid_2001/job_${number}`] }));
  const children = jobs.map((job, i) => proc({ pid: 510 + i, ppid: 505, ...job }));
  const [tree] = treesAmong(...legacyTree(500, jobs[0]), ...children);
  assert.deepEqual(pidsOf(tree), [500, 501, 502, 503, 504, 505, 510]);
});

test("the leaders are the root, whatever it is, and what serves in its own right", () => {
  const leaders = (...processes: Proc[]): number[] =>
    leadersOf(treesAmong(...processes)[0] as Tree).map(({ pid }) => pid);
  assert.deepEqual(leaders(...legacyTree(500)), [500, 501]);
  assert.deepEqual(leaders(...legacyTree(500), leftHelper({ pid: 510, ppid: 502 })), [500, 501]);
  assert.deepEqual(leaders(leftHelper({ pid: 510 }), leftHelper({ pid: 511, ppid: 510 })), [510]);
});

test("a server of another user below a tree, and one below a multiplexer, is a tree of its own", () => {
  const other = { uid: 2002 };
  const roots = (...processes: Proc[]): number[] => treesAmong(...processes).map(({ root }) => root.pid);
  assert.deepEqual(roots(...legacyTree(500), ...legacyTree(600, { ...other, ppid: 505 })), [500, 600]);
  const tmux = proc({ pid: 506, ppid: 505, exe: "/usr/bin/tmux" });
  assert.deepEqual(roots(...legacyTree(500), tmux, ...legacyTree(600, { ppid: 506 })), [500, 600]);
  assert.deepEqual(roots(...legacyTree(500), ...legacyTree(600, { ppid: 505 })), [500]);
});

test("what is dead is not a tree", () => {
  assert.deepEqual(treesAmong(leftHelper({ state: "Z" })), []);
});

test("a table whose parents form a circle ends", () => {
  const [a, b] = legacyTree(500, { startTime: 0 }) as [Proc, Proc];
  assert.ok(treesAmong({ ...a, ppid: 501 }, b).length > 0);
});
