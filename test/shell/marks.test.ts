import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { readState, writeMarks } from "../../src/shell/store/tags-and-marks.ts";

function runFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "reaper-marks-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("marks come back as they were written, with CPU times where there are any", (t) => {
  const folder = runFolder(t);
  const marks = [
    { pid: 5, startTime: 7, seenUptime: 1000 },
    { pid: 6, startTime: 8, seenUptime: 2000, used: [[6, 8, 100] as const, [9, 9, 0] as const] },
  ];
  writeMarks(folder, "b007", marks);
  assert.deepEqual(readState(folder, "b007").marks, marks);
  assert.deepEqual(readState(folder, "another boot").marks, []);
});

test("what is not a mark is not read", (t) => {
  const folder = runFolder(t);
  const good = { pid: 5, startTime: 7, seenUptime: 1000 };
  const bad = [null, {}, { ...good, pid: "5" }, { ...good, used: "x" }, { ...good, used: [[1, 2]] }];
  const worse = [
    { ...good, used: [[1, 2, "3"]] },
    { ...good, used: [5] },
    { ...good, seenUptime: 1.5 },
  ];
  writeFileSync(join(folder, "marks.json"), JSON.stringify({ bootId: "b", marks: [...bad, ...worse, good] }));
  assert.deepEqual(readState(folder, "b").marks, [good]);
});
