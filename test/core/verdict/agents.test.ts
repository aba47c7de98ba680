import assert from "node:assert/strict";
import test from "node:test";
import { mergePolicy, type PolicyLayer } from "../../../src/core/policy/policy.ts";
import { makeTable } from "../../../src/core/tree/process-table.ts";
import { findTrees } from "../../../src/core/tree/tree.ts";
import { busyBetween, type CpuLook, isAgentTree } from "../../../src/core/verdict/agents.ts";
import { graceOf } from "../../../src/core/verdict/grace.ts";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { ALICE, HOME, legacyTree, observation, proc } from "../../helpers/proc.ts";

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

const look = (uptime: number, used: Record<number, number>): CpuLook => ({
  uptime,
  used: new Map(Object.entries(used).map(([pid, ms]) => [`${pid}@7`, ms])),
});
const members = [500, 501].map((pid) => ({ pid, startTime: 7 }));

const looks: readonly (readonly [busy: string, why: string, before: CpuLook | null, now: CpuLook])[] = [
  ["unknown", "nothing was seen before", null, look(HOUR, { 500: 5_000, 501: 0 })],
  ["unknown", "no time has passed", look(HOUR, { 500: 0, 501: 0 }), look(HOUR, { 500: 9, 501: 0 })],
  ["no", "it used exactly one per cent", look(0, { 500: 1000, 501: 0 }), look(HOUR, { 500: 37_000, 501: 0 })],
  ["yes", "it used more", look(0, { 500: 1000, 501: 0 }), look(HOUR, { 500: 37_001, 501: 0 })],
  ["yes", "its child did", look(0, { 500: 1000, 501: 0 }), look(HOUR, { 500: 1000, 501: 36_001 })],
  ["yes", "all together did", look(0, { 500: 0, 501: 0 }), look(HOUR, { 500: 18_001, 501: 18_000 })],
  ["yes", "a new child did", look(0, { 500: 0 }), look(HOUR, { 500: 0, 501: 40_000 })],
  ["unknown", "a child could not be read", look(0, { 500: 0, 501: 0 }), look(HOUR, { 500: 0 })],
  ["yes", "what could be read did", look(0, { 500: 0, 501: 0 }), look(HOUR, { 500: 40_000 })],
  ["no", "another process used it", look(0, { 500: 0, 501: 0 }), look(HOUR, { 500: 0, 501: 0, 900: 90_000 })],
  ["yes", "one counter ran back", look(0, { 500: 90_000, 501: 0 }), look(HOUR, { 500: 0, 501: 40_000 })],
];

for (const [busy, why, before, now] of looks) {
  test(`whether it was busy is ${busy} where ${why}`, () =>
    assert.equal(busyBetween(members, before, now), busy));
}
