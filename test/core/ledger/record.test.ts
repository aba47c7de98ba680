import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type LedgerRecord, recordLine, recordsOf } from "../../../src/core/ledger/record.ts";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Outcome } from "../../../src/core/reap/outcome.ts";
import type { Judgement } from "../../../src/core/verdict/judge.ts";
import { parseLedger } from "../../../src/tools/shell/read-ledger.ts";
import { contextFor, judgeOne } from "../../helpers/judge.ts";
import { DEFAULT_POLICY, NO_GRACE } from "../../helpers/policy.ts";
import { ALICE, legacyTree, observation, tagOf, UPTIME } from "../../helpers/proc.ts";

/** The record that a line holds; null: it is torn or none. */
const parseRecord = (line: string): LedgerRecord | null => parseLedger(line).records[0] ?? null;

const NOW = Date.UTC(2027, 0, 31, 12);
const tree = legacyTree(500);
const host = observation(tree);
const judged = (seen: Observation, force = false): Judgement =>
  judgeOne(seen, contextFor(force ? DEFAULT_POLICY : NO_GRACE, { force }));
const ended = (judgement: Judgement, over: Partial<Outcome> = {}): Outcome => ({
  judgement,
  killed: judgement.tree.members,
  survivors: [],
  spared: null,
  ...over,
});
const STAMP = { epochMs: NOW, userOf: () => "alice", would: false };
const recorded = (outcome: Outcome, seen = host): LedgerRecord =>
  recordsOf([outcome], seen, STAMP)[0] as LedgerRecord;

test("a record holds the user, the tree, the time, the reason and the memory", () => {
  const { reasons, ...rest } = recorded(ended(judged(host)));
  assert.deepEqual(rest, {
    schemaVersion: 1,
    would: false,
    time: "2027-01-31T12:00:00.000Z",
    epochMs: NOW,
    host: "login1",
    bootId: "b007",
    uid: ALICE,
    user: "alice",
    product: "vscode",
    root: { pid: 500, startTime: tree[0]?.startTime },
    killed: 6,
    survivors: 0,
    kind: "aged",
    reasonCode: "two-sweeps",
    forced: false,
    tagged: false,
    closedAt: null,
    remoteHost: null,
    unusedForSeconds: 0,
    ageSeconds: 3595,
    freedKiB: 6 * 1024,
    cpuSeconds: null,
    terminals: [],
  });
  assert.match(reasons.join(), /^unused since .*: this sweep is the first to find it unused/);
});

test("a tag gives the kind, the time and the remote host; force is recorded", () => {
  const tag = tagOf(1_800_000, { closedAt: NOW - 7_200_000, remoteHost: "laptop.example.org" });
  const seen = observation(tree, { tags: [tag] });
  const closed = recorded(ended(judged(seen)), seen);
  assert.equal(closed.kind, "closed");
  assert.equal(closed.reasonCode, "tag-past-grace");
  assert.equal(closed.tagged, true);
  assert.equal(closed.closedAt, "2027-01-31T10:00:00.000Z");
  assert.equal(closed.remoteHost, "laptop.example.org");
  assert.equal(closed.unusedForSeconds, 1800);
  const young = observation(legacyTree(700, { startTime: (UPTIME / 1000 - 5) * 100 }));
  const forced = recorded(ended(judged(young, true)), young);
  assert.deepEqual([forced.kind, forced.reasonCode, forced.forced], ["forced", "forced", true]);
});

test("what was spared or gone by itself has no record; what withstood has one", () => {
  const judgement = judged(host);
  const outcomes = [
    ended(judgement, { killed: [], spared: "spare: in use" }),
    ended(judgement, { spared: "spare: in use" }),
    ended(judgement, { killed: [] }),
    ended(judgement, { killed: [], survivors: judgement.tree.members }),
  ];
  assert.deepEqual(
    recordsOf(outcomes, host, STAMP).map(({ killed, survivors }) => [killed, survivors]),
    [[0, 6]],
  );
});

test("a record names what ran in the tree's terminals", () => {
  const seen = observation(tree.map((one) => (one.pid === 505 ? { ...one, tty: 34816, comm: "bash" } : one)));
  assert.deepEqual(recorded(ended(judged(seen)), seen).terminals, ["bash"]);
});

test("a line is one line, whatever is in it, and reads back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const one = { ...recorded(ended(judged(host))), user: text, reasons: [text], remoteHost: text };
      const line = recordLine(one);
      assert.equal(line.indexOf("\n"), line.length - 1);
      assert.doesNotMatch(line.slice(0, -1), /[\p{C}\p{Zl}\p{Zp}]/u);
      assert.deepEqual(parseRecord(line), one);
    }),
  );
});

test("a ledger is read line by line: torn, foreign and binary lines are counted, the others kept", () => {
  const one = recorded(ended(judged(host)));
  const line = recordLine(one);
  const torn = `${line}${line.slice(0, 90)}\n${line}`;
  assert.deepEqual(parseLedger(torn).badLines, 1);
  assert.equal(parseLedger(torn).records.length, 2);
  for (const bad of [
    "null",
    "[]",
    "{}",
    "\u0000",
    line.replace('"killed":6', '"killed":-1'),
    line.replace(/"epochMs":\d+/, '"epochMs":8640000000000001'),
  ])
    assert.deepEqual(parseLedger(`${bad}\n`), { records: [], badLines: 1, newerLines: 0 }, bad);
  assert.deepEqual(parseLedger('{"schemaVersion":2}\n'), { records: [], badLines: 0, newerLines: 1 });
  assert.deepEqual(parseLedger(""), { records: [], badLines: 0, newerLines: 0 });
});

test("no text of a record can be cut anywhere without being noticed", () => {
  const line = recordLine(recorded(ended(judged(host))));
  for (let length = 1; length < line.length - 1; length++)
    assert.equal(parseRecord(line.slice(0, length)), null);
});
