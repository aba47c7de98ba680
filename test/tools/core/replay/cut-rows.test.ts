// Rows that a terminal's width cut: what they may have been, and what they show of the rows above them.
import assert from "node:assert/strict";
import test from "node:test";
import type { Proc } from "../../../../src/core/observation/process.ts";
import { makeCatalogue } from "../../../../src/core/recognition/catalogue.ts";
import { recogniseRows } from "../../../../src/tools/core/replay/cut-rows.ts";
import { COMMIT as C, HOME, LEGACY, type ProcInit, proc } from "../../../helpers/proc.ts";

const catalogue = makeCatalogue();
const NODE = `${LEGACY}/node`;

/** The role that is left of a command line which a listing cut at its end. */
const cut: readonly (readonly [role: string | undefined, exe: string, argv: string])[] = [
  ["server", `${LEGACY}/node`, `${LEGACY}/node ${LEGACY}/out/s`],
  ["server", `${LEGACY}/node`, `${LEGACY}/node ${LEGACY}/out/server-main.js --start-ser`],
  ["worker", `${LEGACY}/node`, `${LEGACY}/node ${LEGACY}/out/b`],
  ["worker", `${LEGACY}/node`, `${LEGACY}/node ${LEGACY}/out/bootstrap-fork --ty`],
  ["worker", `${LEGACY}/node`, `${LEGACY}/node ${LEGACY}/out/bootstrap-fork --type=ext`],
  ["unknown", `${LEGACY}/node`, `${LEGACY}/node ${LEGACY}/out/`],
  ["unknown", `${LEGACY}/node`, `${LEGACY}/node /home/al`],
  ["unknown", `${LEGACY}/node`, `${LEGACY}/node --dns-res`],
  ["unknown", `${LEGACY}/node`, `${LEGACY}/node`],
  [undefined, `${LEGACY}/node`, `${LEGACY}/node server.js --po`],
  [undefined, "/usr/bin/node", "node /home/alice/src/out/s"],
  [undefined, "/usr/bin/node", "node /home/al"],
  ["cli", `${HOME}/.vscode-server/code-${C}`, `code-${C} command-shell --cli-da`],
  ["unknown", `${HOME}/.vscode-server/code-${C}`, `code-${C} comm`],
  ["unknown", `${HOME}/.vscode-server/code-${C}`, `code-${C} --cli-da`],
  ["unknown", `${HOME}/.vscode-server/code-${C}`, `code-${C} agent ho`],
  ["unknown", `${HOME}/.vscode-server/code-${C}`, `code-${C}`],
  [undefined, `${HOME}/.vscode-server/code-${C}`, `code-${C} upd`],
  [undefined, `${HOME}/.vscode-server/code-${C}`, `code-${C} agents ho`],
  [undefined, `${HOME}/.vscode-server/code-${C}`, `code-${C} agent host-`],
  ["unknown", `${HOME}/.vscode-server/code-41dd`, `${HOME}/.vscode-server/code-41dd`],
  [undefined, "/scratch/a/vs/code-41dd", "/scratch/a/vs/code-41dd"],
  ["unknown", "/bin/sh", "sh /home/alice/.local/bin/codex app-ser"],
  ["unknown", `${HOME}/.claude/remote/server`, "server /tmp/work --ser"],
  // It may have been exec-server.
  ["unknown", "/bin/sh", "sh /home/alice/.local/bin/codex exec"],
  [undefined, "/bin/sh", "sh /home/alice/.local/bin/codex login"],
  [undefined, `/scratch/a/vs/bin/${C}/no`, `/scratch/a/vs/bin/${C}/no`],
  ["server", "/scratch/a/ide/node", "/scratch/a/ide/node /scratch/a/ide/out/server-m"],
  [undefined, "/scratch/a/ide/node", "/scratch/a/ide/node /scratch/a/other/out/server-m"],
  [undefined, `${HOME}/.vscode-server/a.out`, "a.out --steps 5"],
];

for (const [role, exe, argv] of cut) {
  test(`cut at its end, "${argv}" is ${role ?? "not part of a server"}`, () => {
    const row = proc({ pid: 100, exe, argv, argvTruncated: true });
    assert.equal(recogniseRows({ processes: [row] }, catalogue).get(100)?.role, role);
  });
}

const worker = (init: Partial<ProcInit>): Proc =>
  proc({ pid: 200, ppid: 100, exe: NODE, argv: NODE, ...init });

/** What is recognised above a process of the pid 200: "product role". */
function above(processes: readonly Proc[]): string | undefined {
  const found = recogniseRows({ processes }, catalogue).get(100);
  return found && `${found.product} ${found.role}`;
}

test("a launcher that a listing cut is known by the cut server below it, and nothing else is", () => {
  const cut = { argvTruncated: true };
  const server = worker({ argv: `${NODE} /home/al`, ...cut });
  const shell = { pid: 100, exe: "/usr/bin/dash", argv: `sh ${LEGACY}/bin/code-ser` };
  assert.equal(above([proc({ ...shell, ...cut }), server]), "vscode launcher");
  assert.equal(above([proc(shell), server]), undefined);
  assert.equal(above([proc({ ...shell, ...cut, exe: "/usr/bin/vim" }), server]), undefined);
  assert.equal(above([proc({ ...shell, ...cut, argv: `sh ${LEGACY}/x --wait` }), server]), undefined);
  assert.equal(above([proc({ ...shell, ...cut, argv: "sh /home/alice/.acme-server/x" }), server]), undefined);
  assert.equal(above([proc({ ...shell, ...cut, argv: "sh" }), server]), undefined);
});

test("a launcher that a listing cut is known by the server below it, too", () => {
  const server = worker({ argv: `${NODE} ${LEGACY}/out/server-main.js --port=0` });
  const shell = { pid: 100, exe: "/usr/bin/dash", argv: `sh ${LEGACY}/bin/code-ser` };
  assert.equal(above([proc({ ...shell, argvTruncated: true }), server]), "vscode launcher");
  assert.equal(above([proc(shell), server]), undefined);
});
