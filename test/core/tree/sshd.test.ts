import assert from "node:assert/strict";
import test from "node:test";
import type { Proc } from "../../../src/core/observation/process.ts";
import { makeTable } from "../../../src/core/tree/process-table.ts";
import { findSshd, sessionsOf, sessionUserOf } from "../../../src/core/tree/sshd.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { ALICE, HOME, INIT, type ProcInit, proc } from "../../helpers/proc.ts";

const BOB = 2002;
const SSHD = "/usr/sbin/sshd";
const root = (pid: number, more: Partial<ProcInit> = {}): Proc =>
  proc({ pid, uid: 0, loginUid: null, exe: SSHD, ...more });
const alices = (pid: number, ppid: number, more: Partial<ProcInit> = {}): Proc =>
  proc({ pid, ppid, exe: SSHD, ...more });

interface Row {
  readonly processes: readonly Proc[];
  /** The host's own, and those of the rest that a session whose monitor died may be. */
  readonly genuine: readonly number[];
  readonly adopted?: readonly number[];
}

const rows: Readonly<Record<string, Row>> = {
  "the listener, a monitor, and a session": {
    processes: [root(300), root(310, { ppid: 300 }), alices(311, 310)],
    genuine: [300, 310, 311],
  },
  "the user's process below that of the session": {
    processes: [root(300), alices(301, 300), alices(302, 301)],
    genuine: [300, 301, 302],
  },
  "a session below a process of root's that cannot be read": {
    processes: [root(300, { exe: null }), alices(301, 300)],
    genuine: [301],
  },
  "a file of the user's own, even started by root's ssh server, under a path that ends as the host's does": {
    processes: [root(300), alices(301, 300, { exe: `${HOME}/usr/sbin/sshd` })],
    genuine: [300],
  },
  "a file in a place of the site's own which root runs, and which an update has replaced": {
    processes: [
      root(300, { exe: "/apps/sbin/sshd (deleted)" }),
      alices(301, 300, { exe: "/apps/sbin/sshd" }),
    ],
    genuine: [300, 301],
  },
  "one in a user namespace of its own": {
    processes: [root(300), alices(301, 300, { foreignUserNs: true })],
    genuine: [300],
  },
  "one that the user's shell started within a session": {
    processes: [root(300), alices(301, 300), alices(310, 301, { exe: "/bin/bash" }), alices(311, 310)],
    genuine: [300, 301],
  },
  "one that another program of root's started": {
    processes: [root(400, { exe: "/usr/sbin/cron" }), alices(401, 400)],
    genuine: [],
  },
  "one that a program of the user's started which cannot be read": {
    processes: [alices(400, 1, { exe: null }), alices(401, 400)],
    genuine: [],
  },
  "one whose parent was not seen": { processes: [alices(401, 999)], genuine: [] },
  "one that init adopted": { processes: [INIT, alices(401, 1)], genuine: [], adopted: [401] },
  "one that an init adopted which cannot be read": {
    processes: [{ ...INIT, exe: null }, alices(401, 1)],
    genuine: [],
    adopted: [401],
  },
  "one that an ssh server adopted which is the first process of a container": {
    processes: [{ ...INIT, exe: SSHD }, alices(401, 1)],
    genuine: [1],
    adopted: [401],
  },
  "a file of the user's own that init adopted": {
    processes: [INIT, alices(401, 1, { exe: `${HOME}/bin/sshd` })],
    genuine: [],
  },
  "one that is dead": { processes: [root(300, { state: "Z" })], genuine: [] },
};
for (const [what, { processes, genuine, adopted = [] }] of Object.entries(rows))
  test(`ssh servers: ${what}`, () => {
    const found = findSshd(makeTable(processes), DEFAULT_POLICY.catalogue);
    assert.deepEqual([...found.genuine.keys()], genuine);
    const lost = [...found.sessions.keys()].filter((pid) => !found.genuine.has(pid));
    assert.deepEqual(lost, adopted);
    const rest = processes.filter(
      ({ pid, exe, state }) => exe?.endsWith("/sshd") && state !== "Z" && !genuine.includes(pid),
    );
    assert.deepEqual(found.impostors, rest);
  });

const users: readonly (readonly [what: string, processes: readonly Proc[], user: number | null])[] = [
  ["the account that it runs as", [alices(300, 1, { loginUid: null })], ALICE],
  ["that account and not whose login is behind it", [alices(300, 1, { loginUid: BOB })], ALICE],
  ["of a monitor, the login behind it", [root(300, { loginUid: ALICE })], ALICE],
  [
    "of a monitor, the login behind it and not what it started",
    [root(300, { loginUid: ALICE }), proc({ pid: 301, ppid: 300, uid: BOB })],
    ALICE,
  ],
  [
    "of a monitor without audit, the first user for whom it started a program",
    [root(300), root(301, { ppid: 300 }), alices(302, 300)],
    ALICE,
  ],
  ["of the listener, nobody", [root(300), root(301, { ppid: 300 })], null],
];
for (const [what, processes, user] of users)
  test(`the user of an ssh server process: ${what}`, () => {
    assert.equal(sessionUserOf(processes[0] as Proc, makeTable(processes)), user);
  });

test("the sessions of users: those of the host's ssh server; a listener is none, not even as pid 1", () => {
  const table = makeTable([
    root(300),
    alices(301, 300),
    proc({ pid: 400, uid: BOB, exe: `${HOME}/bin/sshd` }),
  ]);
  const sessions = (uids: number[]): number[] =>
    sessionsOf(findSshd(table, DEFAULT_POLICY.catalogue), uids, table).map(({ pid }) => pid);
  assert.deepEqual(sessions([ALICE]), [300, 301]);
  assert.deepEqual(sessions([BOB]), []);
  assert.deepEqual(sessions([BOB, ALICE]), [300, 301]);
  for (const listener of [
    [root(1, { ppid: 0 }), proc({ pid: 500, ppid: 1 })],
    [root(300), root(310, { ppid: 300 })],
  ])
    assert.ok(!findSshd(makeTable(listener), DEFAULT_POLICY.catalogue).sessions.has(listener[0]?.pid ?? 0));
});
