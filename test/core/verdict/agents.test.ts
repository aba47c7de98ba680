import assert from "node:assert/strict";
import test from "node:test";
import type { CpuReading, TreeState } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { mergePolicy, type PolicyLayer } from "../../../src/core/policy/policy.ts";
import type { Kind } from "../../../src/core/recognition/catalogue.ts";
import { makeTable } from "../../../src/core/tree/process-table.ts";
import { findTrees, type Tree } from "../../../src/core/tree/tree.ts";
import { readCpu, workSince } from "../../../src/core/verdict/agents.ts";
import { statesAfter } from "../../../src/core/verdict/states.ts";
import { contextFor, judge } from "../../helpers/judge.ts";
import { HOME, legacyTree, observation, proc, tagOf, UPTIME } from "../../helpers/proc.ts";

const CODEX = `${HOME}/.codex/packages/standalone/releases/0.147.0/bin/codex`;
const daemon = proc({ pid: 500, exe: CODEX, argv: "codex app-server --listen unix://", startTime: 7 });
const HOUR = 3_600_000;

function treeOf(...processes: readonly Proc[]): Tree {
  const [tree] = findTrees(makeTable(processes), mergePolicy([]).catalogue);
  assert.ok(tree);
  return tree;
}

test("a daemon is an agent's by its root, not by an agent that runs in a terminal of a server", () => {
  assert.equal(treeOf(daemon).kind, "agent");
  assert.equal(treeOf(...legacyTree(600)).kind, "server");
  assert.equal(treeOf(...legacyTree(600), { ...daemon, pid: 700, ppid: 605 }).kind, "server");
});

/** A member by pid and the clock ticks that it has used; a tick is 10 ms. */
const member = (pid: number, cpuTicks: number | undefined, startTime = 7): Proc => ({
  ...proc({ pid, startTime, exe: CODEX }),
  cpuTicks,
});
type Rows = CpuReading["rows"];

/** A reading of these ticks by pid, of processes that started at 7. */
const was = (ticks: Readonly<Record<number, number>>): Rows =>
  Object.entries(ticks).map(([pid, used]) => [Number(pid), 7, used] as const);
const works: readonly (readonly [busy: string, why: string, before: Rows, members: Proc[]])[] = [
  ["no", "it used exactly one per cent", was({ 500: 100 }), [member(500, 3700)]],
  ["yes", "it used more", was({ 500: 100 }), [member(500, 3701)]],
  ["yes", "its child did", was({ 500: 100, 501: 0 }), [member(500, 100), member(501, 3601)]],
  ["yes", "all together did", was({ 500: 0, 501: 0 }), [member(500, 1801), member(501, 1800)]],
  ["yes", "a new child did", was({ 500: 0 }), [member(500, 0), member(501, 4000)]],
  ["yes", "a child under an old number", [[501, 6, 4000]], [member(500, 0), member(501, 4000)]],
  ["unknown", "a child could not be read", was({ 500: 0 }), [member(500, 0), member(501, undefined)]],
  ["yes", "what could be read did", was({ 500: 0 }), [member(500, 4000), member(501, undefined)]],
  ["no", "another process used it", was({ 500: 0, 900: 0 }), [member(500, 0)]],
  ["yes", "one counter ran back", was({ 500: 9000, 501: 0 }), [member(500, 0), member(501, 4000)]],
];
for (const [busy, why, rows, members] of works)
  test(`whether it was busy is ${busy} where ${why}`, () => {
    const at = { uptime: HOUR, ticksPerSecond: 100 };
    const busyAs = (kind: Kind, more: readonly Proc[]): string => {
      const recognised = new Map(
        members.map(({ pid }) => [pid, { product: "codex", role: "agent", kind } as const]),
      );
      const tree = { kind, members: [...members, ...more], recognised };
      return workSince(tree, { at: 0, rows }, at).busy;
    };
    const command = member(900, 0);
    assert.equal(busyAs("agent", []), busy);
    assert.equal(busyAs("agent", [command]), "yes");
    assert.equal(busyAs("kernel", [command]), busy, "a child of a kernel's may wait for ever");
  });

test("without a reading, or at the same moment, nothing shows CPU time in between", () => {
  const tree = treeOf(daemon);
  const at = { uptime: 5, ticksPerSecond: 100 };
  assert.equal(workSince(tree, undefined, at).busy, "unknown");
  assert.equal(workSince(tree, { at: 5, rows: [[500, 7, 0]] }, at).busy, "unknown");
  assert.equal(readCpu([member(500, 5), member(501, undefined)], 1), undefined);
  assert.deepEqual(readCpu([member(500, 5), member(501, 0)], 1), { at: 1, rows: was({ 500: 5, 501: 0 }) });
});

/** Sweeps an hour apart, each of the root with these clock ticks: the verdicts. */
function sweepsOf(ticks: readonly number[], layer: PolicyLayer = {}, processes = [daemon]): string[] {
  const [root, ...rest] = processes;
  let states: readonly TreeState[] = [];
  return ticks.map((cpuTicks, i) => {
    const noted = { states, uptime: UPTIME + i * HOUR, tags: [tagOf(UPTIME - 1000)] };
    const seen = observation([{ ...(root as Proc), cpuTicks }, ...rest], noted);
    const judged = judge(seen, contextFor(mergePolicy([layer])));
    states = statesAfter(seen, judged, { uids: null, pids: null }, new Set()).states;
    return judged[0]?.verdict ?? "none";
  });
}
const hours = (count: number, each: number): number[] => Array.from({ length: count }, (_, i) => i * each);

test("an idle daemon ends by two sweeps, the grace apart, also with a tag", () => {
  assert.deepEqual(sweepsOf(hours(3, 0)), ["wait", "wait", "reap"]);
  assert.deepEqual(sweepsOf(hours(2, 0), { agents: { grace: "0s" } }), ["wait", "reap"]);
});

test("a busy one is left alone for a day after the mark, and ends once it has been idle since the last sweep", () => {
  const busy = hours(27, 4000);
  const found = sweepsOf(busy);
  assert.deepEqual(found.slice(0, 2), ["wait", "spare"]);
  assert.deepEqual(found.slice(22), ["spare", "spare", "reap", "reap", "reap"]);
  assert.deepEqual(sweepsOf([0, 4000, 8000, 8000]), ["wait", "spare", "spare", "reap"]);
  assert.deepEqual(sweepsOf(hours(3, 4000), { agents: { busyFor: "0s" } }), ["wait", "wait", "reap"]);
});

test("one that runs a command is busy", () => {
  const command = proc({ pid: 501, ppid: 500, exe: "/usr/bin/make", startTime: 8 });
  const busy = sweepsOf(hours(3, 0), {}, [daemon, { ...command, cpuTicks: 0 }]);
  assert.deepEqual(busy, ["spare", "spare", "spare"]);
});

test("a kernel ends by two sweeps a day apart, and is left alone for three while it is busy", () => {
  const exe = `${HOME}/.positron-server/bin/abc/extensions/positron-supervisor/resources/kallichore/kcserver`;
  const kernel = proc({ pid: 500, exe, argv: `${exe} --handshake-socket /tmp/h.sock`, startTime: 7 });
  const verdicts = (ticks: readonly number[], layer: PolicyLayer = {}): string[] =>
    sweepsOf(ticks, layer, [kernel]);
  assert.deepEqual(verdicts(hours(26, 0)).slice(22), ["wait", "wait", "reap", "reap"]);
  assert.deepEqual(verdicts(hours(74, 4000)).slice(70), ["spare", "spare", "reap", "reap"]);
  const layer = { kernels: { grace: "2h", busyFor: "0s" } };
  assert.deepEqual(verdicts(hours(3, 4000), layer), ["wait", "wait", "reap"]);
});
