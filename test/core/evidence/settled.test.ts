import assert from "node:assert/strict";
import test from "node:test";
import { viewOf } from "../../../src/core/evidence/host-view.ts";
import {
  type ChainProcess,
  casesByUser,
  chainOf,
  type FirstStage,
  pidsThatMaySettle,
  settledUsers,
} from "../../../src/core/evidence/settled.ts";
import type { Link } from "../../../src/core/observation/connections.ts";
import type { Observation, Tag } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import {
  ALICE,
  fromHost,
  joined,
  NO_CONNECTIONS,
  observation,
  proc,
  sshSession,
  TICKS,
  UPTIME,
  unattributed,
} from "../../helpers/proc.ts";

const BOB = 2002;
const GRACE = 600_000;
/** Clock ticks since boot at this many milliseconds before the look. */
const ago = (ms: number): number => ((UPTIME - ms) / 1000) * TICKS;
const OLD = ago(3_600_000);
const NEW = ago(60_000);

const link = (pid: number, ppid: number, more: Partial<ChainProcess> = {}): ChainProcess => ({
  pid,
  ppid,
  uid: ALICE,
  startTime: OLD,
  suspect: true,
  ...more,
});
const linkOf = ({ pid, ppid, uid, startTime }: Proc): ChainProcess => ({
  pid,
  ppid,
  uid,
  startTime,
  suspect: false,
});

const SESSION = sshSession(300, ALICE, { startTime: OLD - 100 });
const ABOVE = SESSION.map(linkOf);
const FROM_OUTSIDE: readonly Link[] = [300, 301].map((pid) => fromHost(pid));

/** A first stage with alice's session from another host and these chains. */
function stage(
  chain: readonly ChainProcess[],
  more: Partial<Observation> = {},
  sshd: readonly Proc[] = SESSION,
) {
  const connections = { ...NO_CONNECTIONS, links: FROM_OUTSIDE };
  const seen = observation(sshd, { connections, ...more });
  return { view: viewOf(seen, DEFAULT_POLICY.catalogue), chain: [...ABOVE, ...chain], grace: GRACE };
}
const usersOf = (given: FirstStage): number[] => settledUsers(casesByUser(given), given.view);
const pidsOf = (given: FirstStage): number[] => pidsThatMaySettle(casesByUser(given), given.view);
const settled = (...given: Parameters<typeof stage>): number[] => usersOf(stage(...given));

const TAG: Tag = {
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
};

const shell = link(400, 301, { suspect: false });
const SETTLED: readonly (readonly [what: string, chain: readonly ChainProcess[], links?: readonly Link[]])[] =
  [
    ["all below a session of the user's", [shell, link(500, 400), link(501, 500)]],
    ["younger than the grace", [link(500, 1, { startTime: NEW }), link(501, 500, { startTime: NEW })]],
    ["connected with a session at the topmost", [link(500, 1), link(501, 500)], joined(301, 500)],
    ["connected by a unix socket", [link(500, 1)], joined(301, 500, "unix")],
    [
      "one below a session, one young, one connected",
      [link(500, 301), link(600, 1, { startTime: NEW }), link(700, 1)],
      joined(301, 700),
    ],
  ];
for (const [what, chain, links = []] of SETTLED)
  test(`a user is settled whose suspects are ${what}`, () => {
    const connections = { ...NO_CONNECTIONS, links: [...FROM_OUTSIDE, ...links] };
    assert.deepEqual(settled(chain, { connections }), [ALICE]);
  });

const below = [link(500, 301)];
const young = [link(500, 1, { startTime: NEW })];
const OPEN: readonly (readonly [
  why: string,
  chain: readonly ChainProcess[],
  more?: Partial<Observation>,
  sshd?: readonly Proc[],
])[] = [
  ["one of them is neither", [...below, link(600, 1)]],
  ["what starts a young one is old", [link(500, 400, { startTime: NEW }), link(400, 1, { suspect: false })]],
  [
    "a young one is below the user's old service manager",
    [link(500, 2, { startTime: NEW }), link(2, 1, { suspect: false })],
  ],
  ["another user's session is above", below, {}, sshSession(300, BOB, { startTime: OLD - 100 })],
  ["a parent is not known", [link(500, 9999)]],
  [
    "its parent is another process by now, younger than the child",
    [link(500, 301, { startTime: OLD - 200 })],
  ],
  ["it is root's", young.map((one) => ({ ...one, uid: 0 }))],
  ["the user has a tag", below, { tags: [TAG] }],
  ["the user has a tag, and all is young", young, { tags: [TAG] }],
  ["one of them has a mark", below, { marks: [{ pid: 500, startTime: OLD, seenUptime: 1 }] }],
  [
    "the session comes from a process of this host",
    below,
    { connections: { ...NO_CONNECTIONS, links: [unattributed(300, "accepted")] } },
  ],
  [
    "nothing shows which end of a connection of this host the session is",
    below,
    { connections: { ...NO_CONNECTIONS, links: [unattributed(300, "unknown")] } },
  ],
  ["the session's sockets were not asked", below, { connections: null }],
  [
    "the list of sockets is not complete",
    below,
    { connections: { ...NO_CONNECTIONS, links: FROM_OUTSIDE, complete: false } },
  ],
  [
    "the session's descriptors could not be read",
    below,
    { connections: { ...NO_CONNECTIONS, links: FROM_OUTSIDE, unreadable: [301] } },
  ],
  [
    "its monitor holds a socket that no list explains",
    below,
    { connections: { ...NO_CONNECTIONS, links: FROM_OUTSIDE, unexplained: [300] } },
  ],
  [
    "its monitor is in another network",
    below,
    { connections: { ...NO_CONNECTIONS, links: FROM_OUTSIDE, foreignNet: [300] } },
  ],
  [
    "the session is the user's own ssh server's",
    below,
    {},
    SESSION.slice(1).map((one) => ({ ...one, ppid: 1, exe: "/home/alice/sshd" })),
  ],
  ["the session's monitor has died", below, {}, SESSION.slice(1).map((one) => ({ ...one, ppid: 1 }))],
  [
    "the user runs an ssh server besides",
    below,
    {},
    [...SESSION, proc({ pid: 350, exe: "/home/alice/sshd" })],
  ],
];
for (const [why, chain, more, sshd] of OPEN)
  test(`a user is not settled where ${why}`, () => assert.deepEqual(settled(chain, more, sshd), []));

const connected = (links: readonly Link[]): number[] =>
  settled([link(500, 1), link(501, 500)], {
    connections: { ...NO_CONNECTIONS, links: [...FROM_OUTSIDE, ...links] },
  });
test("a connection settles only what accepted it from a session of the user's own", () => {
  assert.deepEqual(connected(joined(301, 500)), [ALICE]);
  assert.deepEqual(connected(joined(500, 301)), [], "it opened the connection itself");
  assert.deepEqual(connected([unattributed(500, "accepted")]), [], "nothing shows the other end");
  assert.deepEqual(connected([{ ...unattributed(500, "accepted"), direction: "unknown", peerPid: 301 }]), []);
  const other = sshSession(310, BOB, { startTime: OLD - 100 });
  const links = [...FROM_OUTSIDE, ...joined(311, 500)];
  const outside = FROM_OUTSIDE.map((one) => ({ ...one, pid: one.pid + 10 }));
  const connections = { ...NO_CONNECTIONS, links: [...links, ...outside] };
  assert.deepEqual(settled([link(500, 1)], { connections }, [...SESSION, ...other]), [], "another user's");
});

test("of many users those alone are settled of whom nothing is open", () => {
  const bobs = [link(700, 1, { uid: BOB }), link(701, 700, { uid: BOB, startTime: NEW })];
  assert.deepEqual(settled([...below, ...bobs]), [ALICE]);
});

test("what is above a young suspect counts only as far as it is the same user's, and no ssh server", () => {
  const bobs = link(410, 1, { uid: BOB, suspect: false });
  assert.deepEqual(settled([link(500, 410, { startTime: NEW }), bobs]), [ALICE]);
  assert.deepEqual(settled([link(500, 301, { startTime: NEW })], { connections: null }), [ALICE]);
});

test("a suspect as old as the grace is not young", () => {
  assert.deepEqual(settled([link(500, 1, { startTime: ago(GRACE - 10) })]), [ALICE]);
  assert.deepEqual(settled([link(500, 1, { startTime: ago(GRACE) })]), []);
});

test("a mark of a process that no chain holds keeps nobody from being settled", () => {
  assert.deepEqual(settled(below, { marks: [{ pid: 900, startTime: OLD, seenUptime: 1 }] }), [ALICE]);
});

test("what su started belongs to another user, whose own session must be above", () => {
  const su = [link(410, 301, { uid: 0, suspect: false }), link(500, 410, { uid: BOB })];
  assert.deepEqual(settled(su), []);
});

test("sockets are asked for where they can settle a user: of ssh servers, and of what is below none of them", () => {
  assert.deepEqual(pidsOf(stage(young)), []);
  assert.deepEqual(pidsOf(stage([link(500, 1)], {}, sshSession(300, BOB))), []);
  assert.deepEqual(pidsOf(stage(below)), [300, 301]);
  assert.deepEqual(pidsOf(stage([...below, link(600, 1, { startTime: NEW })])), [300, 301, 600]);
  assert.deepEqual(pidsOf(stage([link(500, 1), link(501, 500)])), [300, 301, 500]);
});

test("a chain of thousands costs its length", () => {
  const chain = Array.from({ length: 30_000 }, (_, i) => link(1000 + i, i === 0 ? 301 : 999 + i));
  assert.deepEqual(settled(chain.reverse()), [ALICE]);
});

test("a circle of parents ends", () => {
  assert.deepEqual(settled([link(500, 501), link(501, 500)]), []);
});

test("chains come as five numbers for each process", () => {
  const numbers = Float64Array.from([500, OLD, 301, ALICE, 1, 301, OLD, 300, ALICE, 0]);
  assert.deepEqual(chainOf(numbers), [link(500, 301), link(301, 300, { suspect: false })]);
  assert.deepEqual(chainOf([]), []);
});
