import assert from "node:assert/strict";
import test from "node:test";
import type { Observation, Tag, TreeState } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { localMinute } from "../../../src/core/text/format.ts";
import type { Judgement } from "../../../src/core/verdict/judge.ts";
import { sinceWhen } from "../../../src/core/verdict/orphan.ts";
import { contextFor, judge } from "../../helpers/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import {
  ALICE,
  commandShell,
  joined,
  legacyTree,
  linked,
  observation,
  sshSession,
  TICKS,
  tagOf,
} from "../../helpers/proc.ts";

const [MINUTE, HOUR] = [60_000, 3_600_000];
/** The host has run for sixty hours. */
const NOW = 60 * HOUR;
const ticksAgo = (ms: number): number => ((NOW - ms) / 1000) * TICKS;
const BOB = 2002;

interface Row {
  /** How many milliseconds ago each was; the tree started nine hours ago, the workers eight. */
  readonly closed?: number;
  readonly mark?: number;
  readonly used?: number;
  readonly lastSweep?: number;
  readonly session?: number;
  readonly worker?: number;
  readonly treeStarted?: number;
  readonly grace?: number;
  readonly tagOf?: number;
  /** The user whose login is behind the tree. */
  readonly login?: number;
  readonly code?: string;
  readonly endsIn?: number;
  readonly says?: RegExp;
  readonly tagged?: boolean;
}

/** The tag of a user whose last session closed so many milliseconds ago. */
const tag = (uid: number, closed: number): Tag => tagOf(0, { uid, closedUptime: NOW - closed });

function judged(row: Row): Judgement {
  const { grace = 3 * HOUR, treeStarted = 9 * HOUR, worker = 8 * HOUR, session, login = ALICE } = row;
  const tree = legacyTree(500, { startTime: ticksAgo(treeStarted), loginUid: login }).map(
    (one): Proc => (one.pid === 502 ? { ...one, startTime: ticksAgo(Math.min(worker, treeStarted)) } : one),
  );
  const ago = (ms: number | undefined): number | null => (ms === undefined ? null : NOW - ms);
  const state: TreeState = {
    pid: 500,
    startTime: ticksAgo(treeStarted),
    uid: ALICE,
    usedAt: ago(row.used),
    orphanAt: ago(row.mark),
  };
  const isKnown = row.used !== undefined || row.mark !== undefined;
  const here =
    session === undefined ? [] : sshSession(300, ALICE, { startTime: ticksAgo(session), loginUid: ALICE });
  const seen = observation([...here, ...tree], {
    uptime: NOW,
    tags: row.closed === undefined ? [] : [tag(row.tagOf ?? ALICE, row.closed)],
    states: isKnown ? [state] : [],
    lastSweepAt: ago(row.lastSweep),
  });
  const policy = { ...DEFAULT_POLICY, grace };
  const found = judge(seen, contextFor(policy)).find(({ tree: { root } }) => root.pid === 500);
  assert.ok(found);
  return found;
}

const rows: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  reap: {
    "its session closed longer ago than the grace": {
      closed: 3 * HOUR,
      code: "tag-past-grace",
      says: /a session of its user closed then, 3h ago, longer than its grace of 3h$/,
      tagged: true,
    },
    "the user is here, and two sweeps found it unused": {
      closed: 5 * HOUR,
      session: 4 * HOUR,
      mark: 3 * HOUR,
      code: "two-sweeps",
      says: /first found orphaned 3h ago$/,
    },
    "the tree started a tick earlier": { closed: 4 * HOUR, treeStarted: 4 * HOUR + 10, tagged: true },
    "a sweep saw it in use before the close": { closed: 4 * HOUR, used: 6 * HOUR, tagged: true },
    "the session of the login behind it closed": { closed: 4 * HOUR, tagOf: BOB, login: BOB, tagged: true },
    "a sweep found it the grace ago": {
      mark: 3 * HOUR,
      code: "two-sweeps",
      says: /a sweep first found it unused then, 3h ago, longer than its grace of 3h$/,
    },
    "it has no state, and the last sweep came before the close": {
      closed: 4 * HOUR,
      lastSweep: 5 * HOUR,
      tagged: true,
    },
    "a session that starts each hour, 24 h after the mark and the grace": {
      mark: 27 * HOUR,
      session: HOUR,
      treeStarted: 40 * HOUR,
    },
    "sessions that close each hour, 24 h after the mark and the grace": {
      mark: 27 * HOUR,
      closed: HOUR,
      treeStarted: 40 * HOUR,
    },
    "no grace: what one sweep finds": { grace: 0, code: "two-sweeps" },
    "no grace, tagged": { grace: 0, closed: 0, code: "tag-past-grace" },
  },
  wait: {
    "its session closed less than the grace ago": {
      closed: 3 * HOUR - MINUTE,
      code: "inside-grace",
      endsIn: MINUTE,
      says: /the first sweep in 1m or later will end it$/,
      tagged: true,
    },
    "the user is here again": {
      closed: 5 * HOUR,
      session: 4 * HOUR,
      code: "marked",
      endsIn: 3 * HOUR,
      says: /its user has an ssh session here/,
    },
    "the tree started after the close": {
      closed: 4 * HOUR,
      treeStarted: 3.5 * HOUR,
      code: "inside-grace",
      tagged: false,
    },
    "the tree started within the clock tick of the close": {
      closed: 4 * HOUR,
      treeStarted: 4 * HOUR,
      tagged: false,
    },
    "a sweep saw it in use after the close": {
      closed: 6 * HOUR,
      used: 4 * HOUR,
      code: "inside-grace",
      tagged: false,
    },
    "it has no state, and is older than the last sweep, which came after the close": {
      closed: 6 * HOUR,
      lastSweep: 4 * HOUR,
      tagged: false,
    },
    "another user's session closed": { closed: 4 * HOUR, tagOf: BOB, tagged: false },
    "this sweep is the first to find it": {
      code: "inside-grace",
      endsIn: 3 * HOUR,
      says: /this sweep is the first to find it unused/,
    },
    "a sweep found it less than the grace ago": { mark: 3 * HOUR - MINUTE, endsIn: MINUTE },
    "it was in use since that mark": { mark: 6 * HOUR, used: 4 * HOUR, endsIn: 3 * HOUR },
    "a worker started for a client less than the grace ago": {
      closed: 5 * HOUR,
      worker: HOUR,
      code: "inside-grace",
      endsIn: 2 * HOUR,
      says: /its extension host 502 started then, for a client/,
    },
    "a worker does, however old the mark is": {
      mark: 40 * HOUR,
      worker: HOUR,
      treeStarted: 50 * HOUR,
      endsIn: 2 * HOUR,
    },
    "a session of its user started less than the grace ago": {
      mark: 5 * HOUR,
      session: HOUR,
      endsIn: 2 * HOUR,
      says: /the ssh session 30[01] of its user started then/,
    },
    "the same a minute before": {
      mark: 27 * HOUR - MINUTE,
      session: HOUR,
      treeStarted: 40 * HOUR,
      endsIn: MINUTE,
    },
    "sessions that close each hour, less than that": {
      mark: 26 * HOUR,
      closed: HOUR,
      treeStarted: 40 * HOUR,
      endsIn: HOUR,
    },
  },
};

for (const [verdict, some] of Object.entries(rows))
  for (const [what, row] of Object.entries(some))
    test(`the clock: ${what}: ${verdict}`, () => {
      const found = judged(row);
      const said = found.reasons.join("; ");
      assert.equal(found.verdict, verdict, said);
      if (row.code) assert.equal(found.reasonCode, row.code, said);
      if (row.endsIn !== undefined) assert.equal(found.endsIn, row.endsIn, said);
      if (row.says) assert.match(said, row.says);
      if (row.tagged !== undefined) assert.equal(found.clock.tag !== null, row.tagged);
      assert.equal(found.facts.length, 2);
    });

test("the newest tag of the user and of the login behind the tree counts, in whatever order they are", () => {
  const tree = legacyTree(500, { startTime: ticksAgo(9 * HOUR), loginUid: BOB });
  const tags = [tag(ALICE, 5 * HOUR), tag(BOB, 4 * HOUR)];
  for (const given of [tags, tags.toReversed()]) {
    const [found] = judge(observation(tree, { uptime: NOW, tags: given }), contextFor());
    assert.equal(found?.clock.tag?.uid, BOB);
  }
});

test("the text of a clock has the time of day of its last sign", () => {
  const [takenAt, at] = [1_700_000_000_000, NOW - HOUR];
  const clock = { at, sign: "it rested", mark: at, usedAt: 0, tag: null, userIsHere: false, state: null };
  const seen = observation([], { uptime: NOW, takenAt });
  assert.equal(sinceWhen(clock, seen), `unused since ${localMinute(takenAt - HOUR)}: it rested`);
});

test("trees that are connected with each other were last used when any of them was", () => {
  const cli = commandShell({ pid: 700, startTime: ticksAgo(9 * HOUR) });
  const tree = legacyTree(500, { startTime: ticksAgo(9 * HOUR) }).slice(0, 2);
  const state = (pid: number, orphan: number): TreeState => ({
    pid,
    startTime: ticksAgo(9 * HOUR),
    uid: ALICE,
    usedAt: null,
    orphanAt: NOW - orphan,
  });
  const seen = (more: Partial<Observation>): Record<number, string> => {
    const states = [state(500, 4 * HOUR), state(700, HOUR)];
    const found = judge(observation([cli, ...tree], { uptime: NOW, states, ...more }), contextFor());
    return Object.fromEntries(found.map(({ tree: { root }, verdict }) => [root.pid, verdict]));
  };
  assert.deepEqual(seen({}), { 500: "reap", 700: "wait" });
  assert.deepEqual(seen({ connections: linked(...joined(700, 501)) }), { 500: "wait", 700: "wait" });
});
