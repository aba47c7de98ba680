import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type Fleet, mergeFleet } from "../../../src/core/cluster/fleet.ts";
import { type FleetFile, parseFleet } from "../../../src/core/cluster/fleet-input.ts";
import type { Observation } from "../../../src/core/observation/observation.ts";
import { hostDocument } from "../../../src/core/report/json.ts";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { ONE_LOOK } from "../../helpers/policy.ts";
import { ALICE, legacyTree, linked, observation, sshSession, tcp } from "../../helpers/proc.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BOB = ALICE + 1;

const judgeSaved = (seen: Observation) =>
  hostDocument(seen, judge(seen, contextFor(ONE_LOOK, "2026-11-23")), seen.faults);

type Json = Record<string, unknown>;
const tree = (uid: number, verdict: string, memoryKiB = 1024): Json => ({ uid, verdict, memoryKiB });
const list = (host: string, trees: readonly Json[], more: Json = {}): string =>
  JSON.stringify({ schemaVersion: 1, host, takenAt: NOW - HOUR, trees, errors: [], ...more });

const parse = (text: string, file = "f"): FleetFile => parseFleet(file, text, judgeSaved);
const merge = (...texts: string[]): Fleet =>
  mergeFleet(
    texts.map((text, i) => parse(text, `f${i + 1}`)),
    NOW,
    DAY,
  );
const faultOf = (...texts: string[]): string => {
  const { errors, hosts } = merge(...texts);
  assert.equal(errors.length, 1, JSON.stringify({ errors, hosts }));
  return `${errors[0]?.what}: ${errors[0]?.detail}`;
};

test("trees by host and verdict, totals, and users with trees on several hosts", () => {
  const fleet = merge(
    list("login2", [tree(ALICE, "wait", 10), tree(ALICE, "reap", 20), tree(BOB, "spare", 1)]),
    list("login1", [tree(ALICE, "spare", 5), tree(ALICE, "exempt", 2)]),
    list("login3", [tree(ALICE, "unknown", 3)]),
  );
  assert.deepEqual(fleet.errors, []);
  assert.deepEqual(
    fleet.hosts.map(({ host, trees, memoryKiB, orphanedKiB }) => [host, trees, memoryKiB, orphanedKiB]),
    [
      ["login1", 2, 7, 0],
      ["login2", 3, 31, 30],
      ["login3", 1, 3, 0],
    ],
  );
  assert.deepEqual(fleet.hosts[1]?.verdicts, { spare: 1, wait: 1, reap: 1, exempt: 0, unknown: 0 });
  assert.deepEqual(fleet.totals, {
    hosts: 3,
    trees: 6,
    verdicts: { spare: 2, wait: 1, reap: 1, exempt: 1, unknown: 1 },
    memoryKiB: 41,
    orphanedKiB: 30,
  });
  assert.deepEqual(fleet.users, [
    {
      uid: ALICE,
      trees: 5,
      memoryKiB: 40,
      attached: ["login1"],
      orphaned: ["login2"],
      other: ["login1", "login3"],
    },
  ]);
});

test("many documents in one file, with the prefixes of clush and pdsh, and ansible's headings", () => {
  const [one, two] = [list("login1", []), list("login2", [])];
  const files = [
    `${one}\n${two}\n`,
    `login1: ${one}\nlogin2: ${two}\n`,
    `login1.example.org: ${one}\n\nlogin2: ${two}`,
    `login1 | CHANGED | rc=0 >>\n${one}\nlogin2 | CHANGED | rc=0 >>\n${two}\n`,
  ];
  for (const text of files) {
    const { hosts, errors } = merge(text);
    assert.deepEqual([hosts.map(({ host }) => host), errors], [["login1", "login2"], []], text);
  }
  const pretty = JSON.stringify(JSON.parse(one), null, 2);
  assert.equal(merge(pretty).hosts.length, 1);
});

test("a snapshot is judged here, a judged document is taken as it is", () => {
  const orphan = legacyTree(500);
  const used = legacyTree(700);
  const seen = observation([...sshSession(300), ...orphan, ...used], {
    connections: linked(tcp(701, 301)),
    takenAt: NOW - HOUR,
  });
  const { hosts, errors } = merge(JSON.stringify(seen), list("login2", [tree(ALICE, "reap")]));
  assert.deepEqual(errors, []);
  assert.deepEqual(hosts[0]?.verdicts, { spare: 1, wait: 0, reap: 1, exempt: 0, unknown: 0 });
  assert.equal(hosts[0]?.memoryKiB, 12 * 1024);
  assert.equal(hosts[1]?.verdicts.reap, 1);
});

test("what list --json prints is what fleet reads", () => {
  const seen = observation(legacyTree(500), { takenAt: NOW });
  assert.deepEqual(merge(JSON.stringify(judgeSaved(seen))).hosts[0]?.verdicts.reap, 1);
});

test("a host that came twice: the newest wins, and it is said", () => {
  const old = list("login1", [tree(ALICE, "spare")], { takenAt: NOW - 2 * HOUR });
  const recent = list("login1", []);
  for (const texts of [
    [old, recent],
    [recent, old],
  ]) {
    const { hosts, notes, errors } = merge(...texts);
    assert.deepEqual([hosts.length, hosts[0]?.trees, errors], [1, 0, []]);
    assert.match(notes.join(), /^login1 appears twice: f\d counts, f\d is 1h older$/);
  }
});

test("what is too old, of the future, torn, empty or foreign is a fault that names its place", () => {
  assert.match(
    faultOf(list("login1", [], { takenAt: NOW - DAY - 1 })),
    /^use f1 \(login1\): was taken 1d ago/,
  );
  assert.match(faultOf(list("login1", [], { takenAt: NOW + HOUR })), /1h ahead of this host's clock/);
  assert.match(faultOf(`login1: ${list("login1", []).slice(0, 60)}`), /^use f1:1 \(login1\): is torn/);
  assert.match(faultOf(""), /^use f1: it is empty/);
  assert.match(faultOf(`${list("login1", [])}\nlogin2: bash: command not found`), /^use f1:2 \(login2\): /);
  for (const text of ["[]", "null", "{}", "7", '"x"']) assert.match(faultOf(text), /is not from list/);
});

test("a host speaks for itself: what came from another is refused", () => {
  assert.match(faultOf(`login1: ${list("login2", [])}`), /came from login1 but names the host login2/);
  assert.match(
    faultOf(`login1 | CHANGED | rc=0 >>\n${list("login2", [])}`),
    /came from login1 but names the host login2/,
  );
});

test("what a host could not see as a whole is a fault here; one process's is not", () => {
  const errors = [
    { what: "list sockets", detail: "EPERM" },
    { what: "read the command line", pid: 7, detail: "timed out" },
  ];
  const fleet = merge(list("login1", [], { errors }));
  assert.deepEqual(fleet.errors, [{ what: "list sockets on login1", detail: "EPERM" }]);
  assert.equal(fleet.hosts.length, 1);
});

test("values that no host writes are refused", () => {
  const wrong: Json[] = [
    { host: "" },
    { host: "../etc" },
    { host: "a\u001b[2J" },
    { host: "__proto__\n" },
    { host: 7 },
    { takenAt: "today" },
    { takenAt: -1 },
    { takenAt: null },
    { trees: {} },
    { trees: [tree(-1, "reap")] },
    { trees: [tree(2 ** 32, "reap")] },
    { trees: [tree(ALICE, "kill")] },
    { trees: [tree(ALICE, "constructor")] },
    { trees: [tree(ALICE, "reap", -1)] },
    { trees: [tree(ALICE, "reap", 1e300)] },
    { trees: [{ uid: ALICE, verdict: "reap", memoryKiB: null }] },
    { errors: [{ what: 1, detail: "" }] },
  ];
  for (const more of wrong)
    assert.match(
      faultOf(list("login1", [], more)),
      /is not from list|not name a valid host/,
      JSON.stringify(more),
    );
});

test("a snapshot of hostile making is a fault or judged, and never an exception", () => {
  const [root] = legacyTree(500);
  const seen = observation([], { processes: [{ ...root, pid: 5, ppid: 6 } as never] });
  const loop = [
    { ...root, pid: 5, ppid: 6 },
    { ...root, pid: 6, ppid: 5 },
  ];
  for (const more of [
    { processes: loop },
    { takenAt: 1e300 },
    { host: "" },
    { processes: [{}] },
    { source: "ps", host: "" },
  ]) {
    const { reports, faults } = parse(JSON.stringify({ ...seen, ...more }));
    assert.equal(reports.length + faults.length, 1, JSON.stringify(more));
  }
  const { faults } = parseFleet("f", JSON.stringify(seen), () => {
    throw new RangeError("too deep");
  });
  assert.match(faults[0]?.detail ?? "", /cannot be judged: too deep/);
});

test("property: any text at all is parsed and merged, and sums stay sums", () => {
  const verdict = fc.constantFrom("spare", "wait", "reap", "exempt", "unknown", "other");
  const trees = fc.array(fc.record({ uid: fc.integer(), verdict, memoryKiB: fc.double() }));
  const host = fc.oneof(fc.constantFrom("login1", "login2"), fc.string());
  const document = fc
    .tuple(host, trees, fc.integer({ min: NOW - 2 * DAY, max: NOW + DAY }))
    .map(([name, some, takenAt]) => list(name, some, { takenAt }));
  const texts = fc.array(fc.oneof(fc.string(), fc.json(), document)).map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(fc.array(texts, { minLength: 1 }), (given) => {
      const { hosts, totals, errors } = merge(...given);
      assert.equal(
        totals.trees,
        hosts.reduce((sum, one) => sum + one.trees, 0),
      );
      assert.equal(new Set(hosts.map((one) => one.host)).size, hosts.length);
      assert.ok(hosts.length > 0 || errors.length > 0);
    }),
  );
});
