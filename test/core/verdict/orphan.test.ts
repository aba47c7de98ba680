import assert from "node:assert/strict";
import test from "node:test";
import type { Mark, Observation, Tag } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { contextFor, type Judgement, judge } from "../../../src/core/verdict/judge.ts";
import { marksAfter } from "../../../src/core/verdict/marks.ts";
import { DEFAULT_POLICY, ONE_LOOK } from "../../helpers/policy.ts";
import {
  ALICE,
  fromHost,
  joined,
  legacyTree,
  linked,
  observation,
  proc,
  sshSession,
  TICKS,
  UPTIME,
} from "../../helpers/proc.ts";

const MINUTE = 60_000;
const tree = legacyTree(500);
const [root] = tree as [Proc];
const startedAgo = (ms: number): number => ((UPTIME - ms) / 1000) * TICKS;

const tag = (ago: number, process = root): Tag => ({
  uid: process.uid,
  auditSession: 7,
  logindSession: "7",
  closedAt: 0,
  closedUptime: UPTIME - ago,
  remoteHost: null,
});
const mark = (ago: number, startTime = root.startTime): Mark => ({
  pid: 500,
  startTime,
  seenUptime: UPTIME - ago,
});

interface Case {
  readonly what: string;
  readonly tag?: number;
  readonly mark?: number;
  /** Whether the user has a session on this node that does not reach the tree. */
  readonly here?: boolean;
  readonly policy?: Partial<typeof DEFAULT_POLICY>;
  readonly age?: number;
  readonly verdict: string;
  readonly endsIn?: number;
}

const cases: readonly Case[] = [
  { what: "a tag past its grace, its user gone: one look", tag: 10 * MINUTE, verdict: "reap" },
  { what: "a tag inside its grace", tag: 9 * MINUTE, verdict: "wait", endsIn: MINUTE },
  {
    what: "a tag past its grace, its user on this node: a first look",
    tag: 60 * MINUTE,
    here: true,
    verdict: "wait",
    endsIn: 10 * MINUTE,
  },
  {
    what: "the same, marked less than the grace ago",
    tag: 60 * MINUTE,
    here: true,
    mark: 9 * MINUTE,
    verdict: "wait",
    endsIn: MINUTE,
  },
  {
    what: "the same, marked the grace ago",
    tag: 60 * MINUTE,
    here: true,
    mark: 10 * MINUTE,
    verdict: "reap",
  },
  {
    what: "a mark from before the newest tag is none",
    tag: 20 * MINUTE,
    here: true,
    mark: 30 * MINUTE,
    verdict: "wait",
    endsIn: 10 * MINUTE,
  },
  {
    what: "a tag inside its grace, its user on this node, marked since",
    tag: 5 * MINUTE,
    here: true,
    mark: 5 * MINUTE,
    verdict: "wait",
    endsIn: 5 * MINUTE,
  },
  { what: "untagged: a first look", verdict: "wait", endsIn: 10 * MINUTE },
  { what: "untagged, its user on this node: a first look", here: true, verdict: "wait", endsIn: 10 * MINUTE },
  { what: "untagged: marked less than the grace ago", mark: 9 * MINUTE, verdict: "wait", endsIn: MINUTE },
  { what: "untagged: marked the grace ago", mark: 10 * MINUTE, verdict: "reap" },
  { what: "untagged: the same with its user on this node", mark: 10 * MINUTE, here: true, verdict: "reap" },
  { what: "untagged and younger than the grace", age: 4 * MINUTE, verdict: "wait", endsIn: 16 * MINUTE },
  { what: "untagged and as old as the grace", age: 10 * MINUTE, verdict: "wait", endsIn: 10 * MINUTE },
  { what: "grace 0: one look, and the one before the first signal", policy: { grace: 0 }, verdict: "reap" },
  {
    what: "grace 0, tagged, its user on this node",
    policy: { grace: 0 },
    tag: MINUTE,
    here: true,
    verdict: "reap",
  },
  { what: 'untagged = "reap": one look', policy: { untagged: "reap" }, verdict: "reap" },
  {
    what: 'untagged = "reap": younger than the grace',
    policy: { untagged: "reap" },
    age: 4 * MINUTE,
    verdict: "wait",
    endsIn: 6 * MINUTE,
  },
  {
    what: 'untagged = "reap" leaves tagged trees their second look',
    policy: { untagged: "reap" },
    tag: 60 * MINUTE,
    here: true,
    verdict: "wait",
    endsIn: 10 * MINUTE,
  },
];
for (const { what, verdict, endsIn = null, ...given } of cases)
  test(`an orphan: ${what}: ${verdict}`, () => {
    const members = given.age === undefined ? tree : legacyTree(500, { startTime: startedAgo(given.age) });
    const [top] = members as [Proc];
    const seen = observation([...(given.here ? sshSession(300) : []), ...members], {
      tags: given.tag === undefined ? [] : [tag(given.tag, top)],
      marks: given.mark === undefined ? [] : [mark(given.mark, top.startTime)],
      connections: linked(fromHost(300), fromHost(301)),
    });
    const [judgement] = judge(seen, contextFor({ ...DEFAULT_POLICY, ...given.policy }, "2026-11-23"));
    assert.deepEqual([judgement?.verdict, judgement?.endsIn], [verdict, endsIn], judgement?.reasons.join());
    if (endsIn !== null) assert.match(judgement?.reasons.join() ?? "", /; the first sweep after .* ends it$/);
  });

test("sessions that count as the user's: their own, that of the login behind them, and that of their own sshd", () => {
  const tagged = { tags: [tag(60 * MINUTE)] };
  const verdict = (...others: Proc[]): string | undefined =>
    judge(observation([...others, ...tree], tagged), contextFor(DEFAULT_POLICY, "2026-11-23"))[0]?.verdict;
  assert.equal(verdict(), "reap");
  assert.equal(verdict(...sshSession(300)), "wait");
  assert.equal(verdict(...sshSession(300, 2002, { loginUid: 2002 })), "reap");
  assert.equal(verdict(proc({ pid: 300, exe: "/home/alice/conda/bin/sshd" })), "wait");
  assert.equal(verdict(proc({ pid: 300, uid: 0, loginUid: null, exe: "/usr/sbin/sshd" })), "reap");
  const dropbear = proc({ pid: 300, uid: 0, loginUid: null, exe: "/usr/sbin/dropbear" });
  assert.equal(verdict(dropbear, proc({ pid: 301, ppid: 300, exe: "/usr/bin/bash" })), "wait");
  const service = legacyTree(500, { uid: 2002, uids: [2002, 2002, 2002, 2002], loginUid: ALICE });
  const seen = observation([...sshSession(300), ...service], { tags: [tag(60 * MINUTE, service[0])] });
  assert.equal(judge(seen, contextFor(DEFAULT_POLICY, "2026-11-23"))[0]?.verdict, "wait");
});

const judged = (seen: Observation, policy = DEFAULT_POLICY): Judgement[] =>
  judge(seen, contextFor(policy, "2026-11-23"));
const ALL = { uids: null, pids: null };

test("the first sweep marks an orphan, and later ones keep the mark's time", () => {
  const fresh = observation(tree);
  assert.deepEqual(marksAfter(fresh, judged(fresh), ALL), [mark(0)]);
  const marked = observation(tree, { marks: [mark(5 * MINUTE)] });
  assert.deepEqual(marksAfter(marked, judged(marked), ALL), [mark(5 * MINUTE)]);
  const due = observation(tree, { marks: [mark(60 * MINUTE)] });
  assert.deepEqual(marksAfter(due, judged(due), ALL), [mark(60 * MINUTE)]);
});

test("an orphan without a tag is marked when it is as old as the grace", () => {
  const marks = (age: number): readonly Mark[] => {
    const seen = observation(legacyTree(500, { startTime: ((UPTIME - age) / 1000) * TICKS }));
    return marksAfter(seen, judged(seen), ALL);
  };
  assert.deepEqual(marks(10 * MINUTE - 1000), []);
  assert.equal(marks(10 * MINUTE).length, 1);
});

test("a tagged orphan is marked, too; a mark from before its tag is made anew", () => {
  const tagged = observation([...sshSession(300), ...tree], {
    tags: [tag(MINUTE)],
    marks: [mark(5 * MINUTE)],
  });
  assert.deepEqual(marksAfter(tagged, judged(tagged), ALL), [mark(0)]);
});

test("a tree in use loses its mark; one that only another user uses keeps it and gets none", () => {
  const used = (uid: number, marks: Mark[]): Mark[] => {
    const links = linked(fromHost(300), fromHost(301), ...joined(301, 501));
    const seen = observation([...sshSession(300, uid, { loginUid: uid }), ...tree], {
      connections: links,
      marks,
    });
    return marksAfter(seen, judged(seen), ALL);
  };
  assert.deepEqual(used(ALICE, [mark(5 * MINUTE)]), []);
  assert.deepEqual(used(2002, [mark(5 * MINUTE)]), [mark(5 * MINUTE)]);
  assert.deepEqual(used(2002, []), []);
});

test("trees in doubt and trees that are gone have no mark, exempt orphans do", () => {
  const exempt = { ...DEFAULT_POLICY, exemptUsers: [ALICE] };
  const marked = observation(tree, { marks: [mark(5 * MINUTE)] });
  assert.deepEqual(marksAfter(marked, judged(marked, exempt), ALL), [mark(5 * MINUTE)]);
  const doubtful = observation(tree, { marks: [mark(5 * MINUTE)], connections: null });
  assert.deepEqual(marksAfter(doubtful, judged(doubtful), ALL), []);
  const gone = observation([], { marks: [mark(5 * MINUTE)] });
  assert.deepEqual(marksAfter(gone, judged(gone), ALL), []);
});

test("a sweep of some users or processes keeps the marks of what it did not look at", () => {
  const other = { pid: 900, startTime: 5, seenUptime: 6 };
  const marked = observation(tree, { marks: [mark(5 * MINUTE), other] });
  for (const chosen of [
    { uids: [ALICE], pids: null },
    { uids: null, pids: [501] },
  ])
    assert.deepEqual(marksAfter(marked, judged(marked), chosen), [other, mark(5 * MINUTE)]);
  assert.deepEqual(marksAfter(marked, judged(marked), ALL), [mark(5 * MINUTE)]);
});

test("the mark of one tree is not another's that started in the same tick", () => {
  const other = legacyTree(600).map((one) => ({ ...one, startTime: root.startTime }));
  const seen = observation([...tree, ...other], { marks: [mark(60 * MINUTE)] });
  assert.deepEqual(
    judged(seen).map(({ verdict }) => verdict),
    ["reap", "wait"],
  );
});

const reasons: readonly (readonly [what: string, init: Partial<Observation>, reason: string])[] = [
  [
    "untagged, on a first look",
    {},
    "orphaned: no client is connected, no tag, started 59m55s ago; marked for a second look; " +
      "the first sweep after 10m ends it",
  ],
  [
    "untagged, on a second look",
    { marks: [mark(9 * MINUTE)] },
    "orphaned: no client is connected, no tag, started 59m55s ago; first seen so 9m ago; " +
      "the first sweep after 1m ends it",
  ],
  [
    "untagged, on a look past the grace",
    { marks: [mark(11 * MINUTE)] },
    "orphaned: no client is connected, no tag, started 59m55s ago, and first seen so 11m ago",
  ],
  ["tagged, past its grace", { tags: [tag(11 * MINUTE)] }, "orphaned: the session closed 11m ago, grace 10m"],
];
for (const [what, init, reason] of reasons)
  test(`why an orphan is ended or waits: ${what}`, () => {
    assert.deepEqual(judged(observation(tree, init))[0]?.reasons, [reason]);
  });

test("a tree marked by one sweep and found again by one a grace later ends", () => {
  const first = observation(tree);
  const marks = marksAfter(first, judged(first), ALL);
  const later = { ...observation(tree, { marks }), uptime: UPTIME + 10 * MINUTE };
  assert.equal(judged(later)[0]?.verdict, "reap");
  assert.equal(judged({ ...later, uptime: later.uptime - 1 })[0]?.verdict, "wait");
  assert.equal(judged(first, ONE_LOOK)[0]?.verdict, "reap");
});
