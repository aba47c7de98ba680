// Files of the version before are read as they are; files of a newer version are refused by name.
// test/fixtures/version-0.1.0 holds what 0.1.0 wrote.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { parseCounters } from "../../src/core/metrics/metrics.ts";
import { parseNotices } from "../../src/core/notify/notice.ts";
import type { Observation } from "../../src/core/observation/observation.ts";
import { parseSaved } from "../../src/core/observation/snapshot-file.ts";
import { hostDocument } from "../../src/core/report/json.ts";
import { contextFor, judge } from "../../src/core/verdict/judge.ts";
import { readLastSweep } from "../../src/shell/store/last-sweep.ts";
import { readLedger } from "../../src/shell/store/ledger.ts";
import { readSurvivors } from "../../src/shell/store/survivors.ts";
import { readState, writeMarks } from "../../src/shell/store/tags-and-marks.ts";
import { DEFAULT_POLICY } from "../helpers/policy.ts";
import { run } from "../helpers/program.ts";

const BOOT = "6a7b8c9d-0123-4567-89ab-cdef01234567";
/** What the files of a newer version are refused with. */
const NEWER = /schemaVersion is 2; this version of vscode-grim-reaper reads up to 1: upgrade it here/;
const fixture = (name: string): string => readFileSync(join("test/fixtures/version-0.1.0", name), "utf8");
const newer = (name: string): string => {
  const text = fixture(name);
  return text.includes('"schemaVersion":1')
    ? text.replace('"schemaVersion":1', '"schemaVersion":2')
    : text.replace("{", '{"schemaVersion":2,');
};

let folder: string;
const put = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};
const judgeSaved = (seen: Observation) =>
  hostDocument(seen, judge(seen, contextFor(DEFAULT_POLICY, "2026-01-01")), seen.faults);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "upgrade-test-"));
  chmodSync(folder, 0o700);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("files of 0.1.0 are read:", () => {
  test("marks, which had no schemaVersion", () => {
    put("marks.json", fixture("marks.json"));
    const { marks, faults } = readState(folder, BOOT);
    assert.deepEqual([marks.length, marks[0]?.pid, faults], [1, 500, []]);
  });

  test("the ledger, whose records had no costs", () => {
    const read = readLedger(put("ledger.jsonl", fixture("ledger.jsonl")));
    assert.deepEqual([read.badLines, read.newerLines], [0, 0]);
    const [record] = read.records;
    assert.deepEqual(
      [record?.user, record?.killed, record?.cpuSeconds, record?.inotifyWatches],
      ["alice", 6, null, null],
    );
  });

  test("a snapshot, and it is judged", () => {
    const saved = parseSaved(fixture("snapshot.json"));
    assert.ok("observation" in saved, JSON.stringify(saved));
    assert.equal(judgeSaved(saved.observation).trees.length, 1);
    assert.equal(run(["replay", "--json", put("snapshot.json", fixture("snapshot.json"))]).status, 0);
  });

  test("the counters, the last sweep, and notices on their way", () => {
    const counters = parseCounters(fixture("metrics.json"));
    assert.ok("value" in counters);
    assert.equal(counters.value.killedProcesses, 6);
    put("last-sweep.json", fixture("last-sweep.json"));
    assert.equal(readLastSweep(folder)?.at, 1_714_003_600_000);
    assert.equal(parseNotices(fixture("notices")).length, 1);
  });
});

describe("files of a newer version are refused by name:", () => {
  test("marks and survivors", () => {
    put("marks.json", newer("marks.json"));
    const { marks, faults } = readState(folder, BOOT);
    assert.deepEqual(marks, []);
    assert.match(faults.map(({ detail }) => detail).join(), NEWER);
    put("survivors.json", `{"schemaVersion":2,"bootId":"${BOOT}","survivors":[]}`);
    assert.match(readSurvivors(folder, BOOT).faults[0]?.detail ?? "", NEWER);
  });

  test("ledger lines, and report says so", () => {
    const file = put("ledger.jsonl", fixture("ledger.jsonl") + newer("ledger.jsonl"));
    const read = readLedger(file);
    assert.deepEqual([read.records.length, read.badLines, read.newerLines], [1, 0, 1]);
    const report = run(["report", "--since", "2020-01-01", "--file", file]);
    assert.equal(report.status, 1);
    assert.match(
      report.stderr,
      /ledger\.jsonl: 1 line of a newer version left out; upgrade vscode-grim-reaper here/,
    );
  });

  test("a snapshot", () => {
    const saved = parseSaved(newer("snapshot.json"));
    assert.match("error" in saved ? saved.error : "", NEWER);
    const replay = run(["replay", put("snapshot.json", newer("snapshot.json"))]);
    assert.equal(replay.status, 1);
    assert.match(replay.stderr, NEWER);
  });

  test("the counters and the last sweep", () => {
    const counters = parseCounters(newer("metrics.json"));
    assert.match("error" in counters ? counters.error : "", NEWER);
    put("last-sweep.json", newer("last-sweep.json"));
    assert.throws(() => readLastSweep(folder), NEWER);
  });
});

test("what this version writes bears a schemaVersion that it reads", () => {
  writeMarks(folder, BOOT, [{ pid: 1, startTime: 2, seenUptime: 3 }]);
  assert.equal(
    (JSON.parse(readFileSync(join(folder, "marks.json"), "utf8")) as { schemaVersion: number }).schemaVersion,
    1,
  );
  assert.equal(readState(folder, BOOT).marks.length, 1);
});
