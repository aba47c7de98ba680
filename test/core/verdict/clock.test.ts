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

const HOUR = 3_600_000;
/** In hours: a minute, and a tick of the kernel's clock. */
const [MINUTE, TICK] = [1 / 60, 1 / 360_000];
/** The host has run for sixty hours. */
const NOW = 60 * HOUR;
const uptimeAt = (hoursAgo: number): number => NOW - Math.round(hoursAgo * HOUR);
const ticksAt = (hoursAgo: number): number => (uptimeAt(hoursAgo) / 1000) * TICKS;
const BOB = 2002;

/** How many hours ago each was; the tree started nine hours ago, the workers eight. */
interface Signs {
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
}

interface Said {
  readonly code?: string;
  /** In hours. */
  readonly endsIn?: number;
  readonly says?: RegExp;
  readonly tagged?: boolean;
}

/** The tag of a user whose last session closed so many hours ago. */
const tag = (uid: number, closed: number): Tag => tagOf(0, { uid, closedUptime: uptimeAt(closed) });
const ago = (hours: number | undefined): number | null => (hours === undefined ? null : uptimeAt(hours));

function judged(signs: Signs): Judgement {
  const { grace = 3, treeStarted = 9, worker = 8, session, login = ALICE, used, mark, closed } = signs;
  const startTime = ticksAt(treeStarted);
  // The shell is young: no client started it.
  const started: Readonly<Record<number, number>> = { 502: Math.min(worker, treeStarted), 505: 0 };
  const tree = legacyTree(500, { loginUid: login }).map(
    (one): Proc => ({ ...one, startTime: ticksAt(started[one.pid] ?? treeStarted) }),
  );
  const state: TreeState = { pid: 500, startTime, uid: ALICE, usedAt: ago(used), orphanAt: ago(mark) };
  const isKnown = used !== undefined || mark !== undefined;
  const ofSession = { startTime: ticksAt(session ?? 0), loginUid: ALICE };
  const here = session === undefined ? [] : sshSession(300, ALICE, ofSession);
  const seen = observation([...here, ...tree], {
    uptime: NOW,
    tags: closed === undefined ? [] : [tag(signs.tagOf ?? ALICE, closed)],
    states: isKnown ? [state] : [],
    lastSweepAt: ago(signs.lastSweep),
  });
  const policy = { ...DEFAULT_POLICY, grace: grace * HOUR };
  const found = judge(seen, contextFor(policy)).find(({ tree: { root } }) => root.pid === 500);
  assert.ok(found);
  return found;
}

type Row = readonly [what: string, signs: Signs, said?: Said];
const OLD = { treeStarted: 40 };

const rows: Readonly<Record<string, readonly Row[]>> = {
  reap: [
    [
      "its session closed longer ago than the grace",
      { closed: 3 },
      {
        code: "tag-past-grace",
        says: /a session of its user closed then, 3h ago, longer than its grace of 3h$/,
        tagged: true,
      },
    ],
    [
      "the user is here, and two sweeps found it unused",
      { closed: 5, session: 4, mark: 3 },
      { code: "two-sweeps", says: /first found orphaned 3h ago$/ },
    ],
    ["the tree started a tick earlier", { closed: 4, treeStarted: 4 + TICK }, { tagged: true }],
    ["a sweep saw it in use before the close", { closed: 4, used: 6 }, { tagged: true }],
    ["the session of the login behind it closed", { closed: 4, tagOf: BOB, login: BOB }, { tagged: true }],
    [
      "a sweep found it the grace ago",
      { mark: 3 },
      {
        code: "two-sweeps",
        says: /a sweep first found it unused then, 3h ago, longer than its grace of 3h$/,
      },
    ],
    ["it has no state, the last sweep came before the close", { closed: 4, lastSweep: 5 }, { tagged: true }],
    ["a session that starts each hour, 24 h after the mark and the grace", { mark: 27, session: 1, ...OLD }],
    ["sessions that close each hour, 24 h after the mark and the grace", { mark: 27, closed: 1, ...OLD }],
    ["no grace: what one sweep finds", { grace: 0 }, { code: "two-sweeps" }],
    ["no grace, tagged", { grace: 0, closed: 0 }, { code: "tag-past-grace" }],
  ],
  wait: [
    [
      "its session closed less than the grace ago",
      { closed: 3 - MINUTE },
      {
        code: "inside-grace",
        endsIn: MINUTE,
        says: /the first sweep in 1m or later will end it$/,
        tagged: true,
      },
    ],
    [
      "the user is here again",
      { closed: 5, session: 4 },
      { code: "marked", endsIn: 3, says: /its user has an ssh session here/ },
    ],
    [
      "the tree started after the close",
      { closed: 4, treeStarted: 3.5 },
      { code: "inside-grace", tagged: false },
    ],
    ["the tree started within the tick of the close", { closed: 4, treeStarted: 4 }, { tagged: false }],
    ["a sweep saw it in use at that moment", { closed: 6, used: 6 }, { tagged: false }],
    ["a sweep saw it in use after it", { closed: 6, used: 4 }, { code: "inside-grace", tagged: false }],
    [
      "it has no state, and is older than the last sweep, which came after the close",
      { closed: 6, lastSweep: 4 },
      { tagged: false },
    ],
    ["another user's session closed", { closed: 4, tagOf: BOB }, { tagged: false }],
    [
      "this sweep is the first to find it",
      {},
      { code: "inside-grace", endsIn: 3, says: /this sweep is the first to find it unused/ },
    ],
    ["a sweep found it less than the grace ago", { mark: 3 - MINUTE }, { endsIn: MINUTE }],
    ["it was in use since that mark", { mark: 6, used: 4 }, { endsIn: 3 }],
    [
      "a worker started for a client less than the grace ago",
      { closed: 5, worker: 1 },
      { code: "inside-grace", endsIn: 2, says: /its extension host 502 started then, for a client/ },
    ],
    ["a worker does, however old the mark is", { mark: 40, worker: 1, treeStarted: 50 }, { endsIn: 2 }],
    [
      "a session of its user started less than the grace ago",
      { mark: 5, session: 1 },
      { endsIn: 2, says: /the ssh session 30[01] of its user started then/ },
    ],
    ["the same a minute before", { mark: 27 - MINUTE, session: 1, ...OLD }, { endsIn: MINUTE }],
    ["sessions that close each hour, less than that", { mark: 26, closed: 1, ...OLD }, { endsIn: 1 }],
  ],
};

for (const [verdict, some] of Object.entries(rows))
  for (const [what, signs, { code, endsIn, says, tagged } = {}] of some)
    test(`the clock: ${what}: ${verdict}`, () => {
      const found = judged(signs);
      const said = found.reasons.join("; ");
      assert.equal(found.verdict, verdict, said);
      if (code) assert.equal(found.reasonCode, code, said);
      if (endsIn !== undefined) assert.equal(found.endsIn, endsIn * HOUR, said);
      if (says) assert.match(said, says);
      if (tagged !== undefined) assert.equal(found.clock.tag !== null, tagged);
      assert.equal(found.facts.length, 2);
    });

test("the newest tag of the user and of the login behind the tree counts, in whatever order they are", () => {
  const tree = legacyTree(500, { startTime: ticksAt(9), loginUid: BOB });
  const tags = [tag(ALICE, 5), tag(BOB, 4)];
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
  const startTime = ticksAt(9);
  const cli = commandShell({ pid: 700, startTime });
  const tree = legacyTree(500, { startTime }).slice(0, 2);
  const state = { startTime, uid: ALICE, usedAt: null };
  const states = [
    { ...state, pid: 500, orphanAt: uptimeAt(4) },
    { ...state, pid: 700, orphanAt: uptimeAt(1) },
  ];
  const seen = (more: Partial<Observation>): Record<number, string> => {
    const found = judge(observation([cli, ...tree], { uptime: NOW, states, ...more }), contextFor());
    return Object.fromEntries(found.map(({ tree: { root }, verdict }) => [root.pid, verdict]));
  };
  assert.deepEqual(seen({}), { 500: "reap", 700: "wait" });
  assert.deepEqual(seen({ connections: linked(...joined(700, 501)) }), { 500: "wait", 700: "wait" });
});
