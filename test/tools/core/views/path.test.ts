import assert from "node:assert/strict";
import test from "node:test";
import type { Connection } from "../../../../src/core/observation/connections.ts";
import type { Proc } from "../../../../src/core/observation/process.ts";
import { viewOf } from "../../../../src/core/tree/host-view.ts";
import { pathTo } from "../../../../src/tools/core/views/path.ts";
import { DEFAULT_POLICY } from "../../../helpers/policy.ts";
import {
  accepted,
  fromHost,
  joined,
  legacyTree,
  linked,
  observation,
  onTerminal,
  paired,
  proc,
  sshSession,
} from "../../../helpers/proc.ts";

const { catalogue } = DEFAULT_POLICY;
const tree = legacyTree(500);
const session = sshSession(300, 2001, { loginUid: 2001 });
const relay = (pid: number, ppid = 1): Proc =>
  proc({ pid, ppid, exe: `/usr/bin/${pid === 900 ? "ssh" : "socat"}` });

const rows: readonly (readonly [
  what: string,
  beside: readonly Proc[],
  connections: readonly Connection[],
  path: string | null,
])[] = [
  ["nothing", [], [], null],
  ["a host", [], [fromHost(501)], "host 10.1.2.3:50000 → server 501"],
  [
    "a session and its host",
    session,
    [accepted(501, 301), fromHost(301)],
    "host 10.1.2.3:50000 → sshd-session 301 → server 501",
  ],
  [
    "a relay that a host is connected to",
    [relay(900)],
    [...joined(900, 501), fromHost(900)],
    "host 10.1.2.3:50000 → ssh 900 → server 501",
  ],
  [
    "an ssh client that has connected to a host and forwards from there",
    [relay(900)],
    [...joined(900, 501), { ...fromHost(900), direction: "opened" }],
    "host 10.1.2.3:50000 → ssh 900 → server 501",
  ],
  [
    "another program that has connected to a host",
    [relay(910)],
    [...joined(910, 501), { ...fromHost(910), direction: "opened" }],
    null,
  ],
  [
    "a relay below a session",
    [...session, relay(900, 301)],
    [...joined(900, 501), fromHost(301)],
    "host 10.1.2.3:50000 → sshd-session 301 → ssh 900 → server 501",
  ],
  [
    "two relays, a pair and a terminal",
    [...session, relay(900), relay(910)],
    [...joined(900, 502), ...paired(900, 910), onTerminal(910, 301)],
    "sshd-session 301 → socat 910 → ssh 900 → node 502",
  ],
  [
    "relays that lead to nothing",
    [relay(900), relay(910)],
    [...joined(900, 501), ...joined(910, 900), ...joined(900, 910)],
    null,
  ],
];
for (const [what, beside, connections, path] of rows)
  test(`the path to a tree: ${what}`, () => {
    const seen = observation([...tree, ...beside], { connections: linked(...connections) });
    const view = viewOf(seen, catalogue);
    const own = view.trees.find(({ root }) => root.pid === 500);
    assert.ok(own);
    assert.equal(pathTo(own, view, connections, catalogue), path);
  });

test("a tree below a session is reached through it", () => {
  const seen = observation([...session, ...legacyTree(500, { ppid: 301 })]);
  const view = viewOf(seen, catalogue);
  const [own] = view.trees;
  assert.ok(own);
  const path = pathTo(own, view, [fromHost(301)], catalogue);
  assert.equal(path, "host 10.1.2.3:50000 → sshd-session 301 → launcher 500");
});
