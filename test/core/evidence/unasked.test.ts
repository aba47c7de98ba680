import assert from "node:assert/strict";
import test from "node:test";
import { dependsOnUnasked, usersToAsk } from "../../../src/core/evidence/evidence.ts";
import { viewOf } from "../../../src/core/evidence/host-view.ts";
import type { Link } from "../../../src/core/observation/connections.ts";
import type { Observation } from "../../../src/core/observation/observation.ts";
import { shortestGrace } from "../../../src/core/verdict/grace.ts";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import {
  ALICE,
  fromHost,
  joined,
  legacyTree,
  linked,
  NO_CONNECTIONS,
  observation,
  proc,
  sshSession,
  unattributed,
} from "../../helpers/proc.ts";

const BOB = 2002;
const SESSION = sshSession(300, ALICE, { startTime: 100 });
/** Alice's session comes from another host. */
const FROM_OUTSIDE: readonly Link[] = [300, 301].map((pid) => fromHost(pid));

const GONE_ON: readonly (readonly [what: string, depends: boolean, seen: Observation])[] = [
  ["an idle tree", false, observation(legacyTree(500))],
  ["a connection that a tree accepted", true, linkedTo(unattributed(501, "accepted"))],
  ["a connection that a tree opened", false, linkedTo(unattributed(501, "opened"))],
  [
    "a connection that a tree accepted which is in use",
    false,
    observation([...SESSION, ...legacyTree(500, { ppid: 301 })], {
      connections: linked(...FROM_OUTSIDE, unattributed(501, "accepted")),
    }),
  ],
  [
    "a session above a tree that a process of this host opened",
    true,
    observation([...SESSION, ...legacyTree(500, { ppid: 301 })], {
      connections: linked(unattributed(300, "accepted")),
    }),
  ],
  [
    "a connection that a tree opened, where descriptors could not be read",
    true,
    observation([...legacyTree(500), proc({ pid: 700 })], {
      connections: { ...linked(unattributed(501, "opened")), unreadable: [700] },
    }),
  ],
  [
    "descriptors of the tree itself that could not be read",
    false,
    observation(legacyTree(500), { connections: { ...NO_CONNECTIONS, unreadable: [501] } }),
  ],
];
for (const [what, depends, seen] of GONE_ON)
  test(`${what}: ${depends ? "needs a look at all users" : "needs no further look"}`, () =>
    assert.equal(dependsOnUnasked(viewOf(seen, DEFAULT_POLICY.catalogue)), depends));

function linkedTo(...links: readonly Link[]): Observation {
  return observation([...SESSION, ...legacyTree(500)], { connections: linked(...FROM_OUTSIDE, ...links) });
}

test("of a settled user no process is asked, and no tree is judged", () => {
  const seen = linkedTo(unattributed(501, "accepted"));
  const context = contextFor(DEFAULT_POLICY, "2026-11-23");
  assert.deepEqual(usersToAsk(viewOf(seen, DEFAULT_POLICY.catalogue)), [ALICE]);
  assert.equal(judge(seen, context).length, 1);
  const left = { ...seen, settled: [ALICE] };
  assert.deepEqual(usersToAsk(viewOf(left, DEFAULT_POLICY.catalogue)), []);
  assert.deepEqual(judge(left, context), []);
  assert.equal(judge({ ...seen, settled: [BOB] }, context).length, 1);
});

test("a tree that only another user uses is asked for its own user's processes", () => {
  const others = sshSession(310, BOB, { startTime: 100 });
  const links = [fromHost(310), ...joined(311, 501), unattributed(502, "accepted")];
  const seen = observation([...others, ...legacyTree(500)], { connections: linked(...links) });
  assert.deepEqual(usersToAsk(viewOf(seen, DEFAULT_POLICY.catalogue)), [ALICE]);
});

test("the shortest grace is that of any product, or of agents", () => {
  const policy = { ...DEFAULT_POLICY, grace: 9, agents: { ...DEFAULT_POLICY.agents, grace: 8 } };
  assert.equal(shortestGrace({ ...policy, graceByProduct: {} }), 8);
  assert.equal(shortestGrace({ ...policy, graceByProduct: { cursor: 7, vscode: 10 } }), 7);
  assert.equal(shortestGrace({ ...policy, grace: 1, graceByProduct: { cursor: 7 } }), 1);
});
