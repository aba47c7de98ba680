import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  type Publication,
  publicationOf,
  type ReadOptions,
  readPublication,
} from "../../../src/core/cluster/publication.ts";
import { viewOf } from "../../../src/core/evidence/host-view.ts";
import type { Observation, RemoteAttachment, Tag } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { parseSaved } from "../../../src/core/observation/snapshot-file.ts";
import type { Policy } from "../../../src/core/policy/policy.ts";
import { hintsOf } from "../../../src/core/report/hints.ts";
import { isHostName } from "../../../src/core/text/safe-text.ts";
import {
  contextFor,
  type JudgeContext,
  type Judgement,
  judge,
  UNFORCED,
} from "../../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import {
  ALICE,
  commandShell,
  fromHost,
  joined,
  legacyTree,
  linked,
  observation,
  proc,
  sshSession,
  TICKS,
  tcp,
  UPTIME,
  unix,
} from "../../helpers/proc.ts";
import { simulate } from "../../helpers/simulate.ts";

const NOW = 1_700_000_000_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const CATALOGUE = DEFAULT_POLICY.catalogue;
const context = (policy: Partial<Policy> = {}): JudgeContext =>
  contextFor({ ...DEFAULT_POLICY, ...policy }, "2026-11-23");

const tree = legacyTree(500);
const [root, server] = tree as [Proc, Proc];
const startedAgo = (ms: number): number => ((UPTIME - ms) / 1000) * TICKS;

function tagged(closedAgo: number, more: Partial<Tag> = {}): Tag {
  return {
    schemaVersion: 1,
    bootId: "b007",
    uid: ALICE,
    root: { pid: root.pid, startTime: root.startTime },
    auditSession: 7,
    logindSession: "7",
    closedAt: NOW - closedAgo,
    closedUptime: UPTIME - closedAgo,
    product: "vscode",
    remoteHost: null,
    ...more,
  };
}

const there = (sinceAgo: number, more: Partial<RemoteAttachment> = {}): RemoteAttachment => ({
  host: "login2",
  uid: ALICE,
  trees: 1,
  since: NOW - sinceAgo,
  seenAt: NOW - SECOND,
  ...more,
});

const orphan = (closedAgo: number, elsewhere: readonly RemoteAttachment[], more: Partial<Observation> = {}) =>
  observation(tree, { tags: [tagged(closedAgo)], elsewhere, ...more });

function only(seen: Observation, given: JudgeContext = context()): Judgement {
  const judged = judge(seen, given);
  assert.equal(judged.length, 1);
  return judged[0] as Judgement;
}

test("an orphan whose user has come back on another node gets the cluster's grace, and the reason says so", () => {
  const waiting = only(orphan(3 * MINUTE, []));
  assert.deepEqual([waiting.verdict, waiting.grace], ["wait", 10 * MINUTE]);
  const moved = only(orphan(3 * MINUTE, [there(2 * MINUTE)]));
  assert.deepEqual([moved.verdict, moved.grace], ["reap", MINUTE]);
  assert.deepEqual(moved.reasons, [
    "orphaned: the session closed 3m ago, its user is attached on login2, grace 1m",
  ]);
});

test("the cluster's grace is kept, and never lengthens another", () => {
  const soon = only(orphan(40 * SECOND, [there(20 * SECOND)]));
  assert.deepEqual([soon.verdict, soon.grace], ["wait", MINUTE]);
  assert.match(soon.reasons.join(), /attached on login2, inside the grace of 1m/);
  const cluster = { ...DEFAULT_POLICY.cluster, grace: HOUR };
  assert.equal(only(orphan(11 * MINUTE, [there(MINUTE)]), context({ cluster })).verdict, "reap");
  assert.equal(only(orphan(3 * MINUTE, [there(MINUTE)]), context({ cluster })).grace, 10 * MINUTE);
});

test("a connection to another node that is older than the close, or hardly newer, shortens nothing", () => {
  for (const sinceAgo of [3 * MINUTE - 5 * SECOND, 3 * MINUTE, 4 * MINUTE, 5 * HOUR])
    assert.equal(only(orphan(3 * MINUTE, [there(sinceAgo)])).verdict, "wait", `since ${sinceAgo} ago`);
  assert.equal(only(orphan(3 * MINUTE, [there(3 * MINUTE - 5 * SECOND - 1)])).verdict, "reap");
});

test("the close is dated by this host's uptime, whatever its clock said then", () => {
  const seen = orphan(0, [there(2 * MINUTE)], {
    tags: [tagged(3 * MINUTE, { closedAt: NOW + HOUR })],
  });
  assert.equal(only(seen).verdict, "reap");
});

test("another user, this host itself, and no report at all shorten nothing", () => {
  for (const elsewhere of [[there(MINUTE, { uid: ALICE + 1 })], [there(MINUTE, { host: "login1" })], []])
    assert.equal(only(orphan(3 * MINUTE, elsewhere)).verdict, "wait");
});

test("an untagged orphan waits for its grace: nothing shows when its user left", () => {
  const young = legacyTree(500, { startTime: startedAgo(5 * MINUTE) });
  assert.equal(only(observation(young, { elsewhere: [there(SECOND)] })).verdict, "wait");
  const marks = [{ pid: root.pid, startTime: root.startTime, seenUptime: UPTIME - 5 * MINUTE }];
  const marked = observation(tree, { marks, elsewhere: [there(SECOND)] });
  assert.equal(only(marked, context({ untagged: "two-looks" })).verdict, "wait");
});

test("a tree in use, in doubt or exempt stays so", () => {
  const elsewhere = [there(MINUTE)];
  const used = orphan(3 * MINUTE, elsewhere, { connections: linked(tcp(server.pid, 301)) });
  const inUse = { ...used, processes: [...used.processes, ...sshSession(300)] };
  assert.equal(only(inUse).verdict, "spare");
  assert.equal(only(orphan(3 * MINUTE, elsewhere, { connections: null })).verdict, "unknown");
  assert.equal(only(orphan(3 * MINUTE, elsewhere), context({ exemptUsers: [ALICE] })).verdict, "exempt");
});

test("property: another node's report turns a wait into a reap and changes no other verdict", () => {
  const word = fc.record({
    uid: fc.integer({ min: 0, max: 1030 }),
    sinceAgo: fc.integer({ min: -HOUR, max: HOUR }),
    host: fc.constantFrom("login1", "login2", "login3"),
  });
  let [shortened, judged] = [0, 0];
  const property = fc.property(fc.integer({ min: 1, max: 2 ** 31 }), fc.array(word), (seed, words) => {
    const { observation: seen } = simulate(seed);
    const before = judge(seen, context());
    // Those who have a tree that waits come first, so that most words are about one of them.
    const waiting = before.filter(({ verdict }) => verdict === "wait").map(({ tree: one }) => one.uid);
    const uids = [...waiting, ...waiting, ...new Set(seen.processes.map(({ uid }) => uid))];
    const elsewhere = words.map(({ uid, sinceAgo, host }) =>
      there(0, { uid: uids[uid % uids.length] ?? uid, host, since: seen.takenAt - sinceAgo }),
    );
    const after = judge({ ...seen, elsewhere }, context());
    assert.equal(after.length, before.length);
    for (const [i, { verdict, unforced, tag, tree: one }] of after.entries()) {
      judged++;
      const was = before[i] as Judgement;
      assert.equal(one.root.pid, was.tree.root.pid);
      if (verdict === was.verdict) continue;
      shortened++;
      assert.deepEqual([was.verdict, verdict, unforced], ["wait", "reap", "reap"]);
      // Helpers get the verdict of their server; every other tree has a tag and a user who is attached elsewhere.
      if (tag !== null) assert.ok(elsewhere.some(({ uid, host }) => uid === one.uid && host !== seen.host));
    }
  });
  fc.assert(property, { numRuns: 1000 });
  assert.ok(shortened > 0 && shortened < judged / 2, `${shortened} of ${judged} were shortened`);
});

test("explain names the other node, and nothing where no shared folder is set", () => {
  const hint = (seen: Observation) =>
    hintsOf(only(seen), viewOf(seen, CATALOGUE), null).find(({ fact }) => fact === "elsewhere");
  assert.equal(hint(observation(tree)), undefined);
  assert.equal(hint(orphan(MINUTE, []))?.value, "no");
  assert.deepEqual(hint(orphan(MINUTE, [there(2 * MINUTE), there(0, { uid: 7 })])), {
    fact: "elsewhere",
    value: "yes",
    detail: "attached on login2 (1 tree, newest connection 2m ago, seen 1s ago)",
  });
});

test("a snapshot keeps what other nodes published; an older snapshot is read all the same", () => {
  const seen = orphan(3 * MINUTE, [there(2 * MINUTE)]);
  const saved = parseSaved(JSON.stringify(seen));
  assert.ok("observation" in saved, JSON.stringify(saved));
  assert.equal(only(saved.observation).verdict, "reap");
  const { elsewhere: _, ...old } = seen;
  const before = parseSaved(JSON.stringify(old));
  assert.ok("observation" in before && before.observation.elsewhere === undefined);
  assert.ok("error" in parseSaved(JSON.stringify({ ...seen, elsewhere: [{ host: "login2", uid: "x" }] })));
});

const publish = (seen: Observation, given: JudgeContext = context()): Publication =>
  publicationOf(seen, judge(seen, given), []);

test("a host publishes trees with a client that it saw, dated by the newest connection that reaches them", () => {
  const old = sshSession(300, ALICE, { startTime: startedAgo(HOUR) });
  const recent = sshSession(400, ALICE, { startTime: startedAgo(MINUTE) });
  // A shell that was opened just now and reaches no tree.
  const shell = sshSession(450, ALICE, { startTime: startedAgo(SECOND) });
  const seen = observation([...old, ...recent, ...shell, ...tree], {
    connections: linked(tcp(server.pid, 301), tcp(401, server.pid)),
  });
  assert.deepEqual(publish(seen), {
    schemaVersion: 1,
    host: "login1",
    bootId: "b007",
    writtenAt: NOW,
    attached: [{ uid: ALICE, trees: 1, since: NOW - MINUTE }],
  });
});

test("a tree below a session, and one that is reached through another, are published", () => {
  const session = sshSession(300, ALICE, { startTime: startedAgo(HOUR) });
  const cli = commandShell({ pid: 700, ppid: 301 });
  const seen = observation([...session, cli, ...tree], { connections: linked(unix(700, server.pid)) });
  assert.deepEqual(publish(seen).attached, [{ uid: ALICE, trees: 2, since: NOW - HOUR }]);
});

test("orphans, trees in doubt, exempt trees and ended trees are not published", () => {
  const session = sshSession(300);
  assert.deepEqual(publish(observation([...session, ...tree])).attached, []);
  assert.deepEqual(publish(observation([...session, ...tree], { connections: null })).attached, []);
  const used = observation([...session, ...tree], { connections: linked(tcp(server.pid, 301)) });
  assert.deepEqual(publish(used, context({ exemptUsers: [ALICE] })).attached, []);
  const forced = { ...context(), options: { ...UNFORCED, force: true } };
  const judged = judge(used, forced);
  const outcomes = judged.map((judgement) => ({ judgement, killed: tree, survivors: [], spared: null }));
  assert.equal(publicationOf(used, judged, []).attached.length, 1);
  assert.deepEqual(publicationOf(used, judged, outcomes).attached, []);
});

test("a tree that another user's session alone uses is published for nobody", () => {
  const used = (uid: number) =>
    publish(
      observation([...sshSession(300, uid, { loginUid: uid }), ...tree], {
        connections: linked(fromHost(300), fromHost(301), ...joined(301, server.pid)),
      }),
    ).attached.map(({ uid: attached }) => attached);
  assert.deepEqual(used(ALICE), [ALICE]);
  assert.deepEqual(used(ALICE + 1), []);
});

test("an ssh server that is pid 1 of a container is not a session", () => {
  const init = proc({ pid: 1, ppid: 0, uid: 0, exe: "/usr/sbin/sshd", startTime: startedAgo(SECOND) });
  const session = sshSession(300, ALICE, { startTime: startedAgo(HOUR) });
  const seen = observation([init, ...session, ...legacyTree(500, { ppid: 301 })]);
  assert.deepEqual(publish(seen).attached, [{ uid: ALICE, trees: 1, since: NOW - HOUR }]);
});

const reading = (more: Partial<ReadOptions> = {}): ReadOptions => ({
  now: NOW,
  maxAge: 2 * HOUR,
  host: "login1",
  bootId: "b007",
  bootedAt: NOW - UPTIME,
  uids: [ALICE],
  ...more,
});
const word = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  schemaVersion: 1,
  host: "login2",
  bootId: "b008",
  writtenAt: NOW - MINUTE,
  attached: [
    { uid: ALICE, trees: 2, since: NOW - HOUR },
    { uid: 7777, trees: 1, since: NOW - HOUR },
  ],
  ...more,
});
const read = (
  value: unknown,
  { name = "login2.json", modifiedAt = NOW - MINUTE, more = {} as Partial<ReadOptions> } = {},
) =>
  readPublication(name, typeof value === "string" ? value : JSON.stringify(value), modifiedAt, reading(more));
const errorOf = (...given: Parameters<typeof read>): string => {
  const said = read(...given);
  return "error" in said ? said.error : "";
};

test("another node's file is read for the users who have trees here", () => {
  assert.deepEqual(read(word()), {
    elsewhere: [{ host: "login2", uid: ALICE, trees: 2, since: NOW - HOUR, seenAt: NOW - MINUTE }],
  });
  assert.deepEqual(read(word({ extra: "of a later version" })), read(word()));
});

test("a file counts for maxAge by both its stamps, and is not a fault after that", () => {
  const silent = { elsewhere: [] };
  const stale = NOW - 2 * HOUR - 1;
  const attached = [{ uid: ALICE, trees: 1, since: stale }];
  assert.deepEqual(read(word({ writtenAt: stale, attached })), silent);
  assert.deepEqual(read(word(), { modifiedAt: stale }), silent);
  assert.notDeepEqual(read(word({ writtenAt: stale + 1, attached })), silent);
});

test("a stamp of the future is a fault", () => {
  for (const given of [
    errorOf(word({ writtenAt: NOW + 6 * MINUTE })),
    errorOf(word(), { modifiedAt: NOW + 6 * MINUTE }),
  ])
    assert.match(given, /is dated 6m ahead of this host's clock/);
  assert.equal(errorOf(word({ writtenAt: NOW + 4 * MINUTE })), "");
  assert.match(
    errorOf(word({ attached: [{ uid: ALICE, trees: 1, since: NOW }] })),
    /began after it was written/,
  );
});

test("a file speaks for the host that it is named after", () => {
  assert.match(errorOf(word({ host: "login3" })), /speaks for another host, login3/);
  for (const name of ["..json", "-x.json", "a b.json", `${"x".repeat(300)}.json`, "\u001b[2J.json"])
    assert.match(errorOf(word(), { name }), /is not a host name/);
  for (const name of ["login1", "login-1.example.org", "a"]) assert.ok(isHostName(name));
  for (const name of ["", ".", "..", "a/b", "../etc/x", "-a", "a\nb"]) assert.ok(!isHostName(name), name);
});

test("the host's own file shows nothing but that another host has the same name", () => {
  const own = { name: "login1.json" };
  assert.deepEqual(read(word({ host: "login1", bootId: "b007" }), own), { elsewhere: [] });
  const lastBoot = { host: "login1", writtenAt: NOW - UPTIME - MINUTE, attached: [] };
  assert.deepEqual(read(word(lastBoot), own), { elsewhere: [] });
  assert.match(errorOf(word({ host: "login1" }), own), /another host is also called login1/);
});

test("what is torn, of another schema or of wrong types is a fault", () => {
  const whole = JSON.stringify(word());
  for (const text of ["", "{", whole.slice(0, -2), "\0\0\0", "[]", "null", "7", `${whole}${whole}`])
    assert.notEqual(errorOf(text), "", text);
  const wrong = [
    { schemaVersion: 2 },
    { writtenAt: -1 },
    { writtenAt: 1e300 },
    { attached: {} },
    { attached: [{ uid: 0, trees: 1, since: 1 }] },
    { attached: [{ uid: 1.5, trees: 1, since: 1 }] },
    { attached: [{ uid: ALICE, trees: 0, since: 1 }] },
    { attached: [{ uid: ALICE, trees: 1 }] },
    { attached: [null] },
  ];
  for (const more of wrong) assert.notEqual(errorOf(word(more)), "", JSON.stringify(more));
});

test("property: no text makes the reader throw", () => {
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ attached: fc.anything(), writtenAt: fc.anything() }).map((more) => {
      return JSON.stringify(word(more)) ?? "";
    }),
  );
  fc.assert(
    fc.property(texts, fc.oneof(fc.string(), fc.constant("login2.json")), (text, name) => {
      assert.equal(typeof read(text, { name }), "object");
    }),
  );
});

test("property: a file is used for exactly those of its users who have a tree here", () => {
  const user = fc.record(
    {
      uid: fc.oneof(fc.constant(ALICE), fc.integer({ min: 1, max: 70_000 })),
      trees: fc.integer({ min: 1, max: 9 }),
      since: fc.integer({ min: 0, max: NOW - MINUTE }),
    },
    { noNullPrototype: true },
  );
  let used = 0;
  fc.assert(
    fc.property(fc.array(user), (attached) => {
      const answer = read(word({ attached }));
      assert.ok("elsewhere" in answer, JSON.stringify(answer));
      const wanted = attached.filter(({ uid }) => uid === ALICE);
      assert.deepEqual(
        answer.elsewhere.map(({ uid, trees, since }) => ({ uid, trees, since })),
        wanted,
      );
      used += wanted.length;
    }),
  );
  assert.ok(used > 0, "no generated file had a user with a tree here");
});
