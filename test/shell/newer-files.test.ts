// Files of a newer version are refused by name, and nothing of them is lost.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { recordLine } from "../../src/core/ledger/record.ts";
import { readLastSweep } from "../../src/shell/store/last-sweep.ts";
import { readStates, writeStates } from "../../src/shell/store/states.ts";
import { readTags } from "../../src/shell/store/tags.ts";
import { ledgerRecord } from "../helpers/ledger-records.ts";
import { run, succeeds, temporaryFolder } from "../helpers/program.ts";

const BOOT = "6a7b8c9d-0123-4567-89ab-cdef01234567";
const NEWER = /schemaVersion is 2; this version of vscode-grim-reaper reads up to 1: upgrade it here/;
const folder = temporaryFolder();
chmodSync(folder, 0o700);

const newer = (text: string): string => text.replace('"schemaVersion":1', '"schemaVersion":2');
const put = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

test("a tag, which stays for the newer version, and the last sweep", () => {
  mkdirSync(join(folder, "tags"), { mode: 0o700 });
  const file = put("tags/2001.json", '{"schemaVersion":2}');
  const { tags, faults } = readTags(folder, BOOT);
  assert.deepEqual([tags, existsSync(file)], [[], true]);
  assert.match(faults.map(({ detail }) => detail).join(), NEWER);
  put("last-sweep.json", '{"schemaVersion":2,"at":1,"lastGood":1,"survivors":0}');
  assert.throws(() => readLastSweep(folder), NEWER);
});

test("states and survivors, which are read back as they were written, in this boot alone", () => {
  const state = { pid: 1, startTime: 2, uid: 3, usedAt: 4.5, orphanAt: null };
  const notes = { lastSweepAt: 5, states: [state], survivors: [{ pid: 6, startTime: 7 }] };
  writeStates(folder, BOOT, notes);
  const read = (boot = BOOT) => {
    const { lastSweepAt, states, survivors, faults } = readStates(folder, boot, 99);
    return { notes: { lastSweepAt, states, survivors }, faults };
  };
  assert.deepEqual(read(), { notes, faults: [] });
  const none = { states: [], survivors: [] };
  assert.deepEqual(read("another boot"), { notes: { ...none, lastSweepAt: null }, faults: [] });
  put("states.json", newer(readFileSync(join(folder, "states.json"), "utf8")));
  assert.deepEqual(read().notes, { ...none, lastSweepAt: 99 }, "every tree counts as used now");
  assert.match(read().faults[0]?.detail ?? "", NEWER);
});

test("ledger lines, and report counts them", () => {
  const line = recordLine(ledgerRecord("2027-01-01"));
  const file = put("ledger.jsonl", line + newer(line));
  const report = run(["report", "--since", "2020-01-01", "--file", file]);
  assert.equal(report.status, 1);
  assert.match(report.stderr, /: 1 line of a newer version left out; upgrade vscode-grim-reaper here/);
});

test("a snapshot", () => {
  const text = readFileSync("test/fixtures/snapshot.json", "utf8");
  succeeds(["replay", put("snapshot.json", text)]);
  const replay = run(["replay", put("snapshot.json", newer(text))]);
  assert.equal(replay.status, 1);
  assert.match(replay.stderr, NEWER);
});
