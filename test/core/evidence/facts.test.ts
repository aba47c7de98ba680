import assert from "node:assert/strict";
import test from "node:test";
import { collectEvidence, type Evidence } from "../../../src/core/evidence/evidence.ts";
import { viewOf } from "../../../src/core/evidence/host-view.ts";
import { UseGraph } from "../../../src/core/evidence/use-graph.ts";
import type { Link } from "../../../src/core/observation/connections.ts";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import {
  ALICE,
  commandShell,
  fromHost,
  joined,
  legacyTree,
  linked,
  observation,
  type ProcInit,
  proc,
  sshSession,
  TICKS,
  tcp,
  UPTIME,
  unattributed,
} from "../../helpers/proc.ts";

const BOB = 2002;
const ids = (uid: number): Partial<ProcInit> => ({ uid, uids: [uid, uid, uid, uid], loginUid: uid });
const view = (processes: readonly Proc[], links: readonly Link[], more: Partial<Observation> = {}) =>
  viewOf(
    observation(processes, { connections: linked(...links), relaysOf: [ALICE, BOB], ...more }),
    DEFAULT_POLICY.catalogue,
  );

/** The evidence of the tree of 500, without what exempts trees. */
function evidenceOf(
  processes: readonly Proc[],
  links: readonly Link[] = [],
  more: Partial<Observation> = {},
): Evidence {
  const found = [...collectEvidence(view(processes, links, more))].find(([{ root }]) => root.pid === 500);
  assert.ok(found);
  return found[1];
}

const tree = legacyTree(500);
const session = [...sshSession(300)];
const bobs = sshSession(350, BOB, { loginUid: BOB });
const OLD = ((UPTIME - 7_200_000) / 1000) * TICKS;

interface FactCase {
  readonly what: string;
  readonly processes: readonly Proc[];
  readonly links?: readonly Link[];
  readonly more?: Partial<Observation>;
  readonly ancestor: string;
  readonly client: string;
}

const NO_CLIENT = "no: no established connection from a client";
const NO_ANCESTOR = "no: no ssh session above 500";
const facts: readonly FactCase[] = [
  { what: "an orphan", processes: tree, ancestor: NO_ANCESTOR, client: NO_CLIENT },
  {
    what: "an orphan whose processes are connected to each other",
    processes: tree,
    links: joined(502, 501),
    ancestor: NO_ANCESTOR,
    client: NO_CLIENT,
  },
  {
    what: "a tree below a session, whose processes are connected to each other",
    processes: [...session, ...legacyTree(500, { ppid: 301 })],
    links: joined(502, 501),
    ancestor: "yes: sshd-session 301 → launcher 500",
    client: NO_CLIENT,
  },
  {
    what: "a tree that a session is connected to",
    processes: [...session, ...tree],
    links: joined(301, 501),
    ancestor: NO_ANCESTOR,
    client: "yes: sshd-session 301 → server 501",
  },
  {
    what: "an orphan that a dead end is connected to",
    processes: [...tree, proc({ pid: 4721 })],
    links: joined(4721, 501),
    ancestor: NO_ANCESTOR,
    client: `${NO_CLIENT}; 1 established connection(s) lead elsewhere`,
  },
  {
    what: "the same in a snapshot that does not say which end opened it",
    processes: [...tree, proc({ pid: 4721 })],
    links: [tcp(4721, 501)],
    ancestor: NO_ANCESTOR,
    client: `${NO_CLIENT}; 1 established connection(s) lead elsewhere`,
  },
  {
    what: "an orphan whose parent was not seen",
    processes: legacyTree(500, { ppid: 444 }),
    ancestor: "unknown: parent 444 of 500 was not seen",
    client: NO_CLIENT,
  },
  {
    what: "an orphan whose parent's parent was not seen",
    processes: [proc({ pid: 470, ppid: 444, startTime: OLD }), ...legacyTree(500, { ppid: 470 })],
    ancestor: "unknown: parent 444 of 470 was not seen",
    client: NO_CLIENT,
  },
  {
    what: "an orphan below two processes that are each other's parents",
    processes: [
      ...[470, 471].map((pid) => proc({ pid, ppid: 941 - pid, uid: 0, startTime: OLD })),
      ...legacyTree(500, { ppid: 470 }),
    ],
    ancestor: "unknown: parent 470 of 471 was not seen",
    client: NO_CLIENT,
  },
  {
    what: "an orphan beside a session, where sockets were not looked at",
    processes: [...session, ...tree],
    more: { connections: null },
    ancestor: NO_ANCESTOR,
    client: "unknown: sockets were not looked at",
  },
  {
    what: "a listing of ps",
    processes: tree,
    more: { source: "ps", connections: null },
    ancestor: "unknown: a listing shows titles, not executables",
    client: "unknown: sockets were not looked at",
  },
];
for (const { what, processes, links, more, ancestor, client } of facts)
  test(`facts: ${what}`, () => {
    const found = evidenceOf(processes, links, more);
    const shown = [found.ancestor, found.client].map(({ value, detail }) => `${value}: ${detail}`);
    assert.deepEqual(shown, [ancestor, client]);
  });

interface Used {
  readonly what: string;
  readonly processes?: readonly Proc[];
  readonly links: readonly Link[];
  readonly code: string;
  readonly own: boolean;
}

const dropbear = proc({ pid: 320, uid: 0, loginUid: null, exe: "/usr/sbin/dropbear" });
const socat = proc({ pid: 4720, exe: "/usr/bin/socat" });
const bobsTree = legacyTree(800, ids(BOB));
const uses: readonly Used[] = [
  { what: "a session", processes: session, links: joined(301, 501), code: "in-use-session", own: true },
  { what: "another host", links: [fromHost(501)], code: "in-use-other-host", own: true },
  {
    what: "another host through a relay",
    processes: [socat],
    links: [fromHost(socat.pid), ...joined(socat.pid, 501)],
    code: "in-use-other-host",
    own: true,
  },
  {
    what: "a colleague's session",
    processes: bobs,
    links: joined(351, 501),
    code: "in-use-other-user",
    own: false,
  },
  {
    what: "a colleague's session, and then the user's own",
    processes: [...bobs, ...session],
    links: [...joined(351, 501), ...joined(301, 501)],
    code: "in-use-session",
    own: true,
  },
  {
    what: "a colleague's tree that its user and the tree's user both have a session to",
    processes: [...bobs, ...session, ...bobsTree],
    links: [...joined(351, 801), ...joined(301, 801), ...joined(801, 501)],
    code: "in-use-session",
    own: true,
  },
  {
    what: "a colleague's session that somebody opened from a session which does not show whose it is",
    processes: [dropbear, ...bobs],
    links: [...joined(320, 350), ...joined(320, 351), ...joined(351, 501)],
    code: "in-use-session",
    own: true,
  },
  {
    what: "a colleague's tree, used from a session which does not show whose it is",
    processes: [dropbear, ...bobsTree],
    links: [...joined(320, 801), ...joined(801, 501)],
    code: "in-use-other-user",
    own: false,
  },
];
for (const { what, processes = [], links, code, own } of uses)
  test(`used by: ${what}`, () => {
    const { use, doubt, withheldBy } = evidenceOf([...processes, ...tree], links);
    assert.deepEqual([use?.code, use?.own], [code, own]);
    assert.deepEqual([doubt, withheldBy], [null, null]);
  });

test("a session above a tree is named before another host that is connected to it", () => {
  const below = legacyTree(500, { ppid: 301 });
  const { use } = evidenceOf([...session, ...below], [fromHost(501)]);
  assert.equal(use?.code, "in-use-session");
});

test("use outweighs doubt: nothing is withheld of a tree below a session whose own parents were not seen", () => {
  const [monitor, child] = session as [Proc, Proc];
  const below = legacyTree(500, { ppid: 301 });
  const found = evidenceOf([{ ...monitor, ppid: 444 }, child, ...below], [fromHost(300), fromHost(301)]);
  assert.deepEqual([found.ancestor.value, found.use?.own, found.doubt], ["yes", true, null]);
});

interface Near {
  readonly what: string;
  readonly cli: Partial<ProcInit>;
  readonly beside?: readonly Proc[];
  readonly client: string;
}

const hidden = proc({ pid: 440, exe: null, uid: 0, startTime: OLD });
const near: readonly Near[] = [
  { what: "of which all is known", cli: {}, client: "no" },
  { what: "whose parent was not seen", cli: { ppid: 444 }, client: "unknown" },
  {
    what: "below a program whose executable could not be read",
    cli: { ppid: 440 },
    beside: [hidden],
    client: "unknown",
  },
  {
    what: "below one whose parent's executable could not be read",
    cli: { ppid: 441 },
    beside: [hidden, proc({ pid: 441, ppid: 440, startTime: OLD })],
    client: "unknown",
  },
  {
    what: "below an init whose executable could not be read",
    cli: {},
    beside: [proc({ pid: 1, ppid: 0, uid: 0, exe: null, startTime: 1 })],
    client: "no",
  },
];
for (const { what, cli, beside = [], client } of near)
  test(`a tree that is connected to one ${what}: ${client}`, () => {
    const found = evidenceOf(
      [...sshSession(300), ...beside, commandShell({ pid: 700, ...cli }), ...tree],
      joined(700, 501, "unix"),
    );
    assert.equal(found.client.value, client);
  });

test("doubt about one tree of a user's reaches another through a colleague's tree", () => {
  const links = [...joined(700, 801, "unix"), ...joined(801, 501)];
  const trees = [commandShell({ pid: 700, ppid: 444 }), ...bobsTree, ...tree];
  assert.equal(evidenceOf(trees, links).client.value, "unknown");
  const seen = collectEvidence(view(trees, links));
  const ofBob = [...seen].find(([{ uid }]) => uid === BOB)?.[1];
  assert.equal(ofBob?.client.value, "no");
});

test("doubt about the user's own tree counts, also where doubt about a colleague's comes first", () => {
  const bobsFirst = legacyTree(400, { ...ids(BOB), ppid: 444 });
  const links = [...joined(401, 501), ...joined(700, 501, "unix")];
  const trees = [...bobsFirst, commandShell({ pid: 700, ppid: 444 }), ...tree];
  assert.equal(evidenceOf(trees, links).doubt, "connected-to-unknown");
  assert.equal(evidenceOf([...bobsFirst, ...tree], joined(401, 501)).doubt, null);
});

test("an ssh server that could not be looked into is named, and that it is root's; what is gone by now is not", () => {
  const links = [unattributed(501)];
  const connections = (unreadable: number[]) => ({ connections: { ...linked(...links), unreadable } });
  const found = evidenceOf([...bobs, ...tree], links, connections([9999, 350]));
  assert.match(found.client.detail, /, for the descriptors of 350 could not be read$/);
  assert.deepEqual([found.doubt, found.withheldBy], ["other-user-in-the-way", 0]);
  assert.equal(evidenceOf([...bobs, ...tree], links, connections([9999])).client.value, "no");
  const own = evidenceOf([...session, ...tree], links, connections([301]));
  assert.deepEqual([own.doubt, own.withheldBy], ["connection-unattributed", null]);
});

test("an init whose executable could not be read is not an ssh server that hides", () => {
  const init = proc({ pid: 1, ppid: 0, uid: 0, exe: null, startTime: 1 });
  assert.equal(evidenceOf([init, ...session, ...tree], [unattributed(501)]).client.value, "no");
});

test("however many connections two have, they are joined once, each way that use takes", () => {
  const links = [...joined(301, 501), ...joined(301, 502), ...joined(301, 501, "unix")];
  const graph = new UseGraph(view([...session, ...tree], links));
  const [, node] = graph.trees()[0] ?? [];
  assert.ok(node);
  assert.deepEqual(
    graph.edgesInto(node).map(({ from, at, how }) => [from.process.pid, at.pid, how]),
    [[301, 501, "connected"]],
  );
});
