import assert from "node:assert/strict";
import test from "node:test";
import { needsUsersAtWork, topmostPartial, usersAtWork } from "../../../src/core/evidence/at-work.ts";
import { viewOf } from "../../../src/core/evidence/host-view.ts";
import { mergeCompleted } from "../../../src/core/observation/merge.ts";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { marksAfter } from "../../../src/core/verdict/marks.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import {
  ALICE,
  EXEC,
  joined,
  legacyTree,
  linked,
  NO_CONNECTIONS,
  observation,
  proc,
  sshSession,
  TICKS,
  tcp,
  UPTIME,
  unattributed,
} from "../../helpers/proc.ts";

const BOB = 2002;
const { catalogue } = DEFAULT_POLICY;
const view = (seen: Observation) => viewOf(seen, catalogue);

/** As the first step of a staged look has read it. */
function part(process: Proc): Proc {
  const { jobVariables: _, ...read } = process;
  const unknown = {
    uids: null,
    cgroups: null,
    auditSession: null,
    loginUid: null,
    foreignUserNs: null,
    foreignPidNs: null,
  };
  return { ...read, ...unknown, argv: [], argvStatus: "skipped", partial: true };
}

/** A tree below a session, of which the root alone was read as a whole. */
function working(base: number, session: number, change: Partial<Proc> = {}): Proc[] {
  const [root, ...rest] = legacyTree(base, { ppid: session }) as [Proc, ...Proc[]];
  return [{ ...root, ...change }, ...rest.map(part)];
}

function usersIn(processes: readonly Proc[], more: Partial<Observation> = {}): number[] {
  const seen = observation(processes, { connections: NO_CONNECTIONS, ...more });
  const topmost = topmostPartial(
    view({ ...seen, processes: seen.processes.map((p) => (p.pid >= 500 ? part(p) : p)) }),
  );
  return usersAtWork(view(seen), topmost);
}

test("only the topmost of what was read in part decides what a tree is", () => {
  const tree = legacyTree(500, { ppid: 301 }).map(part);
  const tmux = part(proc({ pid: 510, ppid: 505, exe: "/usr/bin/tmux" }));
  const below = part(proc({ pid: 511, ppid: 510, exe: `${EXEC}/node` }));
  const seen = observation([...sshSession(300), ...tree, tmux, below]);
  assert.deepEqual(
    topmostPartial(view(seen)).map(({ pid }) => pid),
    [500, 511],
  );
});

test("a user all of whose trees are below live sessions of theirs is at work", () => {
  assert.deepEqual(usersIn([...sshSession(300), ...working(500, 301)]), [ALICE]);
});

const session = sshSession(300);
const server = { argv: [], argvStatus: "read" } as const;
const [, bare, ...below] = legacyTree(500) as [Proc, Proc, ...Proc[]];
const NOT_AT_WORK: readonly (readonly [
  why: string,
  processes: readonly Proc[],
  more?: Partial<Observation>,
])[] = [
  ["another tree is below no session", [...session, ...working(500, 301), ...working(600, 1)]],
  ["another user's session is above", [...sshSession(300, BOB), ...working(500, 301)]],
  [
    "the session comes from this host",
    [...session, ...working(500, 301)],
    { connections: { ...NO_CONNECTIONS, links: [unattributed(301, "accepted")] } },
  ],
  [
    "the session's descriptors could not be read",
    [...session, ...working(500, 301)],
    { connections: { ...NO_CONNECTIONS, unreadable: [301] } },
  ],
  [
    "its monitor's could not be",
    [...session, ...working(500, 301)],
    { connections: { ...NO_CONNECTIONS, unexplained: [300] } },
  ],
  [
    "the sockets are not complete",
    [...session, ...working(500, 301)],
    { connections: { ...NO_CONNECTIONS, complete: false } },
  ],
  [
    "the session is adopted by pid 1",
    [...session.slice(1).map((p) => ({ ...p, ppid: 1 })), ...working(500, 301)],
  ],
  [
    "a server's command line could not be read, so what is below it tells what it is",
    [...session, { ...bare, ppid: 301, argv: [], argvStatus: "denied" }, ...below.map(part)],
  ],
  [
    "the session is adopted by pid 1, and what is connected to it was not asked",
    [...session.slice(1).map((p) => ({ ...p, ppid: 1 })), ...working(500, 301)],
    { connections: linked(unattributed(301, "accepted")) },
  ],
  [
    "the session is used through another session alone",
    [...session, ...sshSession(400), ...working(500, 401)],
    { connections: linked(...joined(301, 401)) },
  ],
  [
    "the root's command line could not be read",
    [...session, ...working(500, 301, { argv: [], argvStatus: "denied" })],
  ],
  ["nothing recognises the root", [...session, ...working(500, 301), ...working(600, 301, server)]],
  ["a parent is not known", [...session.slice(1), ...working(500, 301)]],
  ["the user exceeds a budget", [...session, ...working(500, 301)], { overBudget: [ALICE] }],
];
for (const [why, processes, more] of NOT_AT_WORK)
  test(`a user is not at work where ${why}`, () => assert.deepEqual(usersIn(processes, more), []));

test("a user with a tag is read as a whole: whether it stays depends on the members", () => {
  const tag = {
    schemaVersion: 1,
    bootId: "b007",
    uid: ALICE,
    root: { pid: 501, startTime: 1 },
    auditSession: null,
    logindSession: null,
    closedAt: 0,
    closedUptime: 1,
    product: "vscode",
    remoteHost: null,
  } as const;
  assert.deepEqual(usersIn([...session, ...working(500, 301)], { tags: [tag] }), []);
});

test("trees of users at work are read after all where another tree may be connected to one of them", () => {
  const ids = { uid: BOB, uids: [BOB, BOB, BOB, BOB], loginUid: BOB } as const;
  const others = [...legacyTree(700, ids), proc({ ...ids, pid: 800 })];
  const needs = (links: ReturnType<typeof joined>, unreadable: readonly number[] = []): boolean =>
    needsUsersAtWork(
      view(
        observation([...session, ...working(500, 301), ...others], {
          connections: { ...NO_CONNECTIONS, links, unreadable },
          atWork: [ALICE],
        }),
      ),
    );
  assert.equal(needs([]), false);
  assert.equal(needs([unattributed(701, "accepted")]), true);
  // A tree opens connections to daemons all the time.
  assert.equal(needs([unattributed(701, "opened")]), false);
  assert.equal(needs([unattributed(701, "opened")], [800]), true);
  // If nothing but ssh servers could be read, it may be this program that sees too little.
  assert.equal(needs([], [700]), true);
});

test("a tree of a user at work that nothing is found to use is unknown, and gets no mark", () => {
  const old = ((UPTIME - 7_200_000) / 1000) * TICKS;
  const tree = legacyTree(500, { startTime: old });
  const seen = observation([...tree.slice(0, 1), ...tree.slice(1).map(part)], {
    connections: NO_CONNECTIONS,
    atWork: [ALICE],
  });
  const judged = judge(seen, contextFor(DEFAULT_POLICY, "2026-11-23"));
  assert.deepEqual(
    judged.map(({ verdict, reasonCode }) => [verdict, reasonCode]),
    [["unknown", "sockets-not-read"]],
  );
  assert.deepEqual(marksAfter(seen, judged, { uids: null, pids: null }), []);
});

test("what a tree holds is no reason of its own while its user's session is above it", () => {
  const job = { jobVariables: ["SLURM_JOB_ID"] };
  const context = contextFor(DEFAULT_POLICY, "2026-11-23");
  const above = observation([...session, ...legacyTree(500, { ppid: 301, ...job })]);
  const connected = observation([...session, ...legacyTree(500, job)], {
    connections: linked(tcp(501, 301)),
  });
  const verdictOf = (seen: Observation): unknown =>
    judge(seen, context).map(({ verdict, reasonCode }) => `${verdict} ${reasonCode}`);
  assert.deepEqual(verdictOf(above), ["spare in-use-session"]);
  assert.deepEqual(verdictOf(connected), ["exempt job-environment"]);
  const forced = judge(above, { ...context, options: { ...context.options, force: true } });
  assert.deepEqual(
    forced.map(({ reasonCode }) => reasonCode),
    ["job-environment"],
  );
});

test("a process that ended before the rest of it was read is gone; one under its number is another", () => {
  const [a, b, c] = legacyTree(500).map(part) as [Proc, Proc, Proc];
  const whole = [
    { ...a, partial: false },
    { ...b, startTime: b.startTime + 1 },
  ];
  assert.deepEqual(
    mergeCompleted([a, b, c], whole, [a, b]).map(({ pid, partial }) => [pid, partial]),
    [
      [500, false],
      [502, true],
    ],
  );
});
