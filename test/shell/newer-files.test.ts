// Files of a newer version are refused by name, and nothing of them is lost.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { recordLine } from "../../src/core/ledger/record.ts";
import { counters, noCounters } from "../../src/core/metrics/metrics.ts";
import { readDocument } from "../../src/shell/store/document.ts";
import { readLastSweep } from "../../src/shell/store/last-sweep.ts";
import { readStates, writeStates } from "../../src/shell/store/states.ts";
import { readTags } from "../../src/shell/store/tags.ts";
import { readLedger } from "../../src/tools/shell/read-ledger.ts";
import { ledgerRecord } from "../helpers/ledger-records.ts";
import { run } from "../helpers/program.ts";

const BOOT = "6a7b8c9d-0123-4567-89ab-cdef01234567";
const NEWER = /schemaVersion is 2; this version of vscode-grim-reaper reads up to 1: upgrade it here/;
const newer = (text: string): string => {
  assert.match(text, /"schemaVersion":1/);
  return text.replace('"schemaVersion":1', '"schemaVersion":2');
};

let folder: string;
const put = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "newer-test-"));
  chmodSync(folder, 0o700);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a file of a newer version is refused by name:", () => {
  test("a tag, which stays for the newer version", () => {
    mkdirSync(join(folder, "tags"), { mode: 0o700 });
    const file = put("tags/2001.json", '{"schemaVersion":2}');
    const { tags, faults } = readTags(folder, BOOT);
    assert.deepEqual(tags, []);
    assert.match(faults.map(({ detail }) => detail).join(), NEWER);
    assert.ok(existsSync(file));
  });

  test("states and survivors", () => {
    const state = { pid: 1, startTime: 2, uid: 3, usedAt: 4.5, orphanAt: null };
    writeStates(folder, BOOT, { lastSweepAt: 5, states: [state], survivors: [{ pid: 6, startTime: 7 }] });
    const read = readStates(folder, BOOT, 99);
    assert.deepEqual(
      [read.states, read.lastSweepAt, read.survivors],
      [[state], 5, [{ pid: 6, startTime: 7 }]],
    );
    const { states: others, survivors } = readStates(folder, "another boot", 99);
    assert.deepEqual([others, survivors], [[], []]);
    put("states.json", newer(readFileSync(join(folder, "states.json"), "utf8")));
    const { states, lastSweepAt, faults } = readStates(folder, BOOT, 99);
    assert.deepEqual([states, lastSweepAt], [[], 99], "every tree counts as used now");
    assert.match(faults.map(({ detail }) => detail).join(), NEWER);
  });

  test("ledger lines, and report says so", () => {
    const line = recordLine(ledgerRecord("2027-01-01"));
    const file = put("ledger.jsonl", line + newer(line));
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
    const text = readFileSync("test/fixtures/snapshot.json", "utf8");
    assert.equal(run(["replay", put("snapshot.json", text)]).status, 0);
    const replay = run(["replay", put("snapshot.json", newer(text))]);
    assert.equal(replay.status, 1);
    assert.match(replay.stderr, NEWER);
  });

  test("the counters and the last sweep", () => {
    put("counters.json", newer(JSON.stringify(noCounters())));
    assert.throws(() => readDocument(join(folder, "counters.json"), counters, 4096), NEWER);
    put("last-sweep.json", '{"schemaVersion":2,"at":1,"lastGood":1,"survivors":0}');
    assert.throws(() => readLastSweep(folder), NEWER);
  });
});
