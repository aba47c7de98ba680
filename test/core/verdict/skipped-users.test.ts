import assert from "node:assert/strict";
import test from "node:test";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { viewOf } from "../../../src/core/tree/host-view.ts";
import { type ChainProcess, skippedUsers } from "../../../src/core/verdict/skipped-users.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { ALICE, observation, proc, sshSession, TICKS, tagOf, UPTIME } from "../../helpers/proc.ts";

const BOB = 2002;
const GRACE = 600_000;
/** Clock ticks since boot at this many milliseconds before the look. */
const ago = (ms: number): number => ((UPTIME - ms) / 1000) * TICKS;

const OLD = ago(3_600_000);
const NEW = ago(GRACE - 10);

const at = (pid: number, ppid: number, more: Partial<ChainProcess> = {}): ChainProcess => ({
  pid,
  ppid,
  uid: ALICE,
  startTime: OLD,
  suspect: true,
  ...more,
});
const SESSION = sshSession(300, ALICE, { startTime: OLD - 100 });
const SHELL = at(400, 301, { suspect: false });
const below = [SHELL, at(500, 400), at(501, 500)];
const young = [at(600, 1, { startTime: NEW }), at(601, 600, { startTime: NEW })];
const child = (more: Partial<Proc>): Proc[] => SESSION.slice(1).map((one) => ({ ...one, ...more }));

const CASES: readonly (readonly [
  what: string,
  skipped: readonly number[],
  chain: readonly ChainProcess[],
  seen?: Partial<Observation>,
  sshd?: readonly Proc[],
])[] = [
  ["all are below a session of theirs", [ALICE], below],
  ["all are young", [ALICE], young],
  ["some are below a session, the others young", [ALICE], [...below, ...young]],
  ["one is neither", [], [...below, ...young, at(700, 1)]],
  ["one is as old as the grace", [], [at(500, 1, { startTime: ago(GRACE) })]],
  ["what starts a young one is old", [], [at(500, 400, { startTime: NEW }), at(400, 1, { suspect: false })]],
  [
    "a young one is below another user's old process",
    [ALICE],
    [...young, at(1, 0, { uid: 0, suspect: false })],
  ],
  ["another user has others", [ALICE], [...below, at(700, 1, { uid: BOB })]],
  ["another user's session is above", [], [at(500, 301, { uid: BOB })]],
  ["one is below a session's monitor alone", [], [at(500, 300)]],
  ["a parent is not known", [], [at(500, 9999)]],
  [
    "its parent is another process by now, younger than the child",
    [],
    [at(500, 301, { startTime: OLD - 200 })],
  ],
  [
    "the session's number is another process's by now",
    [],
    [at(301, 1, { startTime: OLD - 50 }), at(500, 301)],
  ],
  ["they are a circle", [], [at(500, 501), at(501, 500)]],
  ["they are root's", [], young.map((one) => ({ ...one, uid: 0 }))],
  ["the user has a tag", [], [...below, ...young], { tags: [tagOf(0)] }],
  ["the session is of the user's own ssh server", [], below, {}, child({ ppid: 1, exe: "/home/a/sshd" })],
  ["the session's monitor has died", [], below, {}, child({ ppid: 1 })],
  [
    "the user runs an ssh server besides",
    [],
    below,
    {},
    [...SESSION, proc({ pid: 350, exe: "/home/a/sshd" })],
  ],
];
for (const [what, skipped, chain, seen = {}, sshd = SESSION] of CASES)
  test(`of a user of whose suspects ${what}, the look ${skipped.length > 0 ? "skips" : "reads"} all`, () => {
    const above = SESSION.filter(({ pid }) => !chain.some((one) => one.pid === pid));
    const whole = [...above.map((one) => at(one.pid, one.ppid, { ...one, suspect: false })), ...chain];
    const view = viewOf(observation(sshd, seen), DEFAULT_POLICY.catalogue);
    assert.deepEqual(skippedUsers(view, whole.reverse(), GRACE), skipped);
  });

test("a chain of thousands costs its length", () => {
  const view = viewOf(observation(SESSION), DEFAULT_POLICY.catalogue);
  const chain = Array.from({ length: 30_000 }, (_, i) => at(1000 + i, i === 0 ? 301 : 999 + i));
  const above = SESSION.map((one) => at(one.pid, one.ppid, { ...one, suspect: false }));
  assert.deepEqual(skippedUsers(view, [...above, ...chain].reverse(), GRACE), [ALICE]);
});
