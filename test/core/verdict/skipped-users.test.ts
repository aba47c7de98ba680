import assert from "node:assert/strict";
import test from "node:test";
import type { Observation, Tag } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { viewOf } from "../../../src/core/tree/host-view.ts";
import { type SuspectGroup, skippedUsers } from "../../../src/core/verdict/skipped-users.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { ALICE, observation, proc, sshSession, TICKS, UPTIME } from "../../helpers/proc.ts";

const BOB = 2002;
const GRACE = 600_000;
/** Clock ticks since boot at this many milliseconds before the look. */
const ago = (ms: number): number => ((UPTIME - ms) / 1000) * TICKS;

const SESSION = sshSession(300, ALICE, { startTime: ago(4_000_000) });
const group = (more: Partial<SuspectGroup> = {}): SuspectGroup => ({
  uid: ALICE,
  session: 301,
  startTime: ago(3_600_000),
  ...more,
});
const below = group();
const young = group({ session: 0, startTime: ago(GRACE - 10) });
const open = group({ session: 0 });
const TAG: Tag = {
  uid: ALICE,
  auditSession: null,
  logindSession: null,
  closedAt: 0,
  closedUptime: 1,
  remoteHost: null,
};
const child = (more: Partial<Proc>): Proc[] => SESSION.slice(1).map((one) => ({ ...one, ...more }));

const CASES: readonly (readonly [
  what: string,
  expected: readonly number[],
  groups: readonly SuspectGroup[],
  seen?: Partial<Observation>,
  sshd?: readonly Proc[],
])[] = [
  ["all are below a session of theirs", [ALICE], [below]],
  ["all are young", [ALICE], [young]],
  ["some are below a session, the others young", [ALICE], [below, young]],
  ["some are neither", [], [below, young, open]],
  ["one is as old as the grace", [], [group({ session: 0, startTime: ago(GRACE) })]],
  ["another user has open ones", [ALICE], [below, group({ uid: BOB, session: 0 })]],
  ["another user's session is above", [], [group({ uid: BOB })]],
  ["a root's monitor is above, and no session", [], [group({ session: 300 })]],
  ["they are root's", [], [{ ...young, uid: 0 }]],
  ["the user has a tag", [], [below, young], { tags: [TAG] }],
  ["the session is of the user's own ssh server", [], [below], {}, child({ ppid: 1, exe: "/home/a/sshd" })],
  ["the session's monitor has died", [], [below], {}, child({ ppid: 1 })],
  [
    "the user runs an ssh server besides",
    [],
    [below],
    {},
    [...SESSION, proc({ pid: 350, exe: "/home/a/sshd" })],
  ],
];
for (const [what, expected, groups, seen = {}, sshd = SESSION] of CASES)
  test(`of a user of whose suspects ${what} the look ${expected.length > 0 ? "skips" : "reads"} all`, () => {
    const view = viewOf(observation(sshd, seen), DEFAULT_POLICY.catalogue);
    assert.deepEqual(skippedUsers(view, groups, GRACE), expected);
  });
