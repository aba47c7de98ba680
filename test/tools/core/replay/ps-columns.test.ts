import assert from "node:assert/strict";
import test from "node:test";
import { parseListing } from "../../../../src/tools/core/replay/ps-listing.ts";

const rowsOf = (text: string): unknown[] =>
  parseListing(text).observation.processes.map(({ uid, pid, ppid, argv }) => [
    uid,
    pid,
    ppid,
    argv.join(" "),
  ]);

test("the output of ps -ef is read by its heading, and users stay apart", () => {
  const text = `UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 Nov24 ?        00:00:09 /sbin/init splash
alice       4711       1  0 09:12 ?        00:00:01 sh /home/alice/x --start  now
bob         4712       1  0 09:12 pts/0    00:00:01 -bash
`;
  assert.deepEqual(parseListing(text).errors, []);
  assert.deepEqual(rowsOf(text), [
    [0, 1, 0, "/sbin/init splash"],
    [100_001, 4711, 1, "sh /home/alice/x --start now"],
    [100_002, 4712, 1, "-bash"],
  ]);
});

test("columns chosen with -o are read by their heading, in any order", () => {
  const text = "    PID    PPID  RUID COMMAND\n      7       1  1001 node out/server-main.js\n";
  assert.deepEqual(rowsOf(text), [[1001, 7, 1, "node out/server-main.js"]]);
});

test("lines between tabs need no heading, and other lines are errors with their number", () => {
  assert.deepEqual(rowsOf("1001\t7\t1\tnode x\n"), [[1001, 7, 1, "node x"]]);
  const errors = (text: string): number[] => parseListing(text).errors;
  assert.deepEqual(errors("node x\n"), [1]);
  assert.deepEqual(errors("PID TTY TIME CMD\n7 ? 0 x\n"), [1, 2]);
  assert.deepEqual(errors("UID PID PPID CMD\nalice x 1 sh\n"), [2]);
});
