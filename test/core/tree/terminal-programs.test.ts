import assert from "node:assert/strict";
import test from "node:test";
import type { Proc } from "../../../src/core/observation/process.ts";
import { makeTable } from "../../../src/core/tree/process-table.ts";
import { programsInTerminals } from "../../../src/core/tree/terminal-programs.ts";
import { findTrees } from "../../../src/core/tree/tree.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { legacyTree, proc } from "../../helpers/proc.ts";

const tree = legacyTree(500);
const shell = tree[5] as Proc;

function namesIn(processes: readonly Proc[]): string[] {
  const [found] = findTrees(makeTable(processes), DEFAULT_POLICY.catalogue);
  assert.ok(found);
  return programsInTerminals(found);
}

test("names of what runs below a terminal only, once each, escaped and without secrets", () => {
  const below = (pid: number, comm: string): Proc =>
    proc({ pid, ppid: shell.pid, sid: shell.pid, comm, tty: 34816, startTime: shell.startTime });
  assert.deepEqual(
    namesIn([
      // Started by hand: the server itself has a terminal, and is not what somebody ran in one.
      ...tree.slice(0, 5).map((process) => ({ ...process, tty: 34817, comm: "node" })),
      { ...shell, tty: 34816, comm: "bash" },
      below(510, "python3"),
      below(511, "make"),
      below(512, "make"),
      below(513, "evil\u001b[2J\n"),
      below(514, "api_token=s3cr3t"),
      proc({ pid: 520, ppid: 502, comm: "clangd", startTime: shell.startTime }),
    ]),
    ["api_token=***", "bash", "evil\\x1b[2J\\n", "make", "python3"],
  );
});

test("a user who starts many programs fills no record", () => {
  const many = Array.from({ length: 40 }, (_, i) =>
    proc({ pid: 600 + i, ppid: 504, tty: 34816, comm: `job${i}`, startTime: shell.startTime }),
  );
  assert.equal(namesIn([...tree.slice(0, 5), ...many]).length, 32);
});
