import assert from "node:assert/strict";
import test from "node:test";
import type { Observation, TreeState } from "../../../../src/core/observation/observation.ts";
import type { Proc } from "../../../../src/core/observation/process.ts";
import { makeCatalogue } from "../../../../src/core/recognition/catalogue.ts";
import {
  type AgentRow,
  agentColumns,
  agentProgramOf,
  agentRows,
} from "../../../../src/tools/core/views/agents-view.ts";
import { judge } from "../../../helpers/judge.ts";
import {
  ALICE,
  HOME,
  LEGACY,
  legacyTree,
  observation,
  type ProcInit,
  proc,
  UPTIME,
} from "../../../helpers/proc.ts";

const catalogue = makeCatalogue();
const CODEX = `${HOME}/.codex/packages/standalone/current/codex`;
const CLAUDE = `${HOME}/.local/share/claude/versions/2.1.168`;

function rowsOf(processes: readonly Proc[], more: Partial<Observation> = {}): AgentRow[] {
  const seen = observation(processes, more);
  return agentRows(seen, judge(seen), catalogue);
}

const daemon = (init: Partial<ProcInit> = {}): Proc =>
  proc({ pid: 700, exe: CODEX, argv: `${CODEX} app-server --listen unix://`, ...init });

test("an agent's daemon is a row with what it has started", () => {
  const child = proc({ pid: 701, ppid: 700, exe: "/usr/bin/make", argv: "make", rssKiB: 100, cpuTicks: 250 });
  const foreign = { ...child, pid: 702, uid: 2002 };
  const [row, ...others] = rowsOf([daemon({ rssKiB: 1000, cpuTicks: 150 }), child, foreign]);
  assert.deepEqual(others, []);
  assert.equal(row?.root.pid, 700);
  assert.deepEqual([row?.product, row?.kind, row?.uid], ["codex", "agent", ALICE]);
  assert.deepEqual([row?.processes, row?.memoryKiB, row?.cpuSeconds], [2, 1100, 4]);
  assert.notEqual(row?.verdict, "never");
});

test("CPU time that one process does not show is not known for all", () => {
  const child = proc({ pid: 701, ppid: 700, exe: "/usr/bin/make", argv: "make" });
  assert.equal(rowsOf([daemon({ cpuTicks: 150 }), child])[0]?.cpuSeconds, null);
});

test("it is idle since the look at which a sweep marked it, or busy, or nobody has looked", () => {
  const root = daemon({ cpuTicks: 1000 });
  const at = UPTIME - 600_000;
  const state = { pid: 700, startTime: root.startTime, uid: ALICE, usedAt: null, orphanAt: at };
  const noted = (ticks: number): TreeState => {
    return { ...state, cpu: { at, rows: [[700, root.startTime, ticks]] } };
  };
  const idle = (...states: TreeState[]) => rowsOf([root], { states })[0]?.idleSeconds;
  const former = { ...noted(999), startTime: root.startTime - 1 };
  assert.deepEqual([idle(noted(999)), idle(noted(0))], [600, 0]);
  assert.deepEqual([idle(), idle(state), idle(former)], [null, null, null]);
});

test("an agent that its user runs is shown, and never ended: in a shell and below a multiplexer", () => {
  const shell = proc({ pid: 800, exe: "/usr/bin/bash", argv: "-bash" });
  const inShell = proc({ pid: 801, ppid: 800, exe: CLAUDE, argv: "claude" });
  const tmux = proc({ pid: 810, exe: "/usr/bin/tmux", argv: "tmux new" });
  const inTmux = proc({ pid: 811, ppid: 810, exe: CLAUDE, argv: "claude" });
  const rows = rowsOf([shell, inShell, tmux, inTmux]);
  const shown = rows.map(({ root, kind, verdict, reason }) => [root.pid, kind, verdict, reason]);
  assert.deepEqual(shown, [
    [801, "own", "never", "its user runs it"],
    [811, "own", "never", "runs in a terminal multiplexer"],
  ]);
});

test("a daemon below a multiplexer is never ended", () => {
  const tmux = proc({ pid: 600, exe: "/usr/bin/tmux", argv: "tmux new" });
  const [row] = rowsOf([tmux, daemon({ ppid: 600 })]);
  assert.deepEqual([row?.kind, row?.verdict], ["agent", "never"]);
});

test("an agent in an IDE's terminal ends with the IDE's tree", () => {
  const tree = legacyTree(500);
  const inTree = proc({ pid: 900, ppid: tree.at(-1)?.pid ?? 0, exe: CLAUDE, argv: "claude" });
  const [row, ...others] = rowsOf([...tree, inTree]);
  assert.deepEqual(others, []);
  assert.equal(row?.root.pid, 900);
  assert.equal(row?.reason, "part of tree 500");
  assert.notEqual(row?.verdict, "never");
});

test("a tunnel is shown with its verdict, and a server is no agent", () => {
  const tunnel = proc({ pid: 700, exe: CODEX, argv: `${CODEX} remote-control` });
  const [row, ...others] = rowsOf([...legacyTree(500), tunnel]);
  assert.deepEqual(others, []);
  assert.deepEqual([row?.kind, row?.verdict], ["tunnel", "exempt"]);
  assert.match(row?.reason ?? "", /^is a tunnel/);
});

test("an agent that another agent started is part of it, and circles of parents end", () => {
  const inner = proc({ pid: 701, ppid: 700, exe: CLAUDE, argv: "claude -p x", startTime: 1 });
  const rows = rowsOf([daemon({ ppid: 701, startTime: 1 }), inner]);
  assert.ok(rows.length <= 1);
  assert.equal(rowsOf([daemon(), proc({ pid: 701, ppid: 700, exe: CLAUDE, argv: "claude -p x" })]).length, 1);
});

test("a row is text that a terminal may show", () => {
  const row: AgentRow = {
    root: { pid: 7, startTime: 1 },
    uid: ALICE,
    product: "codex",
    kind: "agent",
    ageSeconds: 3600,
    cpuSeconds: null,
    memoryKiB: 2048,
    processes: 3,
    idleSeconds: 0,
    verdict: "wait",
    reason: "\u001b[2J",
  };
  const cells = (one: AgentRow): string =>
    agentColumns(() => "alice")
      .map(({ of }) => of(one))
      .join("|");
  assert.equal(cells(row), "7|alice|codex|agent|1h|-|2 MiB|3|busy|wait|\\x1b[2J");
  assert.match(cells({ ...row, idleSeconds: 60 }), /\|1m\|wait\|/);
});

const programs: readonly (readonly [product: string | null, exe: string, argv: string])[] = [
  ["claude", CLAUDE, "claude"],
  ["claude", "/usr/bin/node", "node /usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"],
  ["codex", "/usr/bin/node-22", "node /usr/local/bin/codex exec x"],
  ["opencode", "/lib64/ld-linux-x86-64.so.2", `ld.so --library-path /x ${HOME}/.opencode/bin/opencode`],
  ["jupyter", "/usr/bin/python3.11", "python -m ipykernel_launcher -f /run/kernel-8f.json"],
  [null, "/usr/bin/vim", "vim /home/alice/bin/claude"],
  [null, "/usr/bin/node", "node -e 1"],
  [null, `${LEGACY}/node`, `${LEGACY}/node ${LEGACY}/out/server-main.js`],
  [null, "/lib64/ld-linux-x86-64.so.2", "ld.so --version"],
];

for (const [product, exe, argv] of programs)
  test(`"${argv}" is ${product ?? "no agent"}`, () =>
    assert.equal(agentProgramOf({ exe, argv: argv.split(" ") }, catalogue)?.id ?? null, product));
