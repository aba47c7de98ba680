import assert from "node:assert/strict";
import test from "node:test";
import type { RemoteAttachment, Tag } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { ALICE, legacyTree, observation, UPTIME } from "../../helpers/proc.ts";

const NOW = 1_700_000_000_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const tree = legacyTree(500);
const [root] = tree as [Proc];

/** The session here closed five minutes ago, by the time since boot; the wall clock of then is not asked. */
const tag: Tag = {
  schemaVersion: 1,
  bootId: "b007",
  uid: ALICE,
  root: { pid: 500, startTime: root.startTime },
  auditSession: 7,
  logindSession: "7",
  closedAt: 0,
  closedUptime: UPTIME - 5 * MINUTE,
  product: "vscode",
  remoteHost: null,
};
const there = (host: string, sinceAgo: number, more: Partial<RemoteAttachment> = {}): RemoteAttachment => ({
  host,
  uid: ALICE,
  trees: 1,
  since: NOW - sinceAgo,
  seenAt: NOW,
  ...more,
});

interface Case {
  readonly what: string;
  readonly elsewhere?: readonly RemoteAttachment[];
  readonly untagged?: boolean;
  /** Milliseconds: the site's grace for users who are on another node. */
  readonly cluster?: number;
  /** Where its user is said to be; null: nowhere else. */
  readonly at: string | null;
  readonly grace: number;
}

const cases: readonly Case[] = [
  { what: "no other node was asked", at: null, grace: 10 * MINUTE },
  { what: "on no other node", elsewhere: [], at: null, grace: 10 * MINUTE },
  {
    what: "on another node since the session here closed",
    elsewhere: [there("login2", 2 * MINUTE)],
    at: "login2",
    grace: 3 * MINUTE,
  },
  {
    what: "on another node, where the cluster's grace is longer than the site's",
    elsewhere: [there("login2", 2 * MINUTE)],
    cluster: 20 * MINUTE,
    at: "login2",
    grace: 10 * MINUTE,
  },
  {
    what: "on another node, but nothing says when the session here closed",
    elsewhere: [there("login2", 2 * MINUTE)],
    untagged: true,
    at: null,
    grace: 10 * MINUTE,
  },
  {
    what: "on another node since before the session here closed",
    elsewhere: [there("login2", 6 * MINUTE)],
    at: null,
    grace: 10 * MINUTE,
  },
  {
    what: "on another node since a moment that may be that of the close",
    elsewhere: [there("login2", 5 * MINUTE - 5 * SECOND)],
    at: null,
    grace: 10 * MINUTE,
  },
  {
    what: "on another node since a moment after it",
    elsewhere: [there("login2", 5 * MINUTE - 5 * SECOND - 1)],
    at: "login2",
    grace: 3 * MINUTE,
  },
  {
    what: "this node's own report",
    elsewhere: [there("login1", 2 * MINUTE)],
    at: null,
    grace: 10 * MINUTE,
  },
  {
    what: "another user on another node",
    elsewhere: [there("login2", 2 * MINUTE, { uid: 2002 })],
    at: null,
    grace: 10 * MINUTE,
  },
  {
    what: "on two other nodes, of which the second came last",
    elsewhere: [there("login2", 2 * MINUTE), there("login3", MINUTE)],
    at: "login3",
    grace: 3 * MINUTE,
  },
  {
    what: "on two other nodes, of which the first came last",
    elsewhere: [there("login2", MINUTE), there("login3", 2 * MINUTE)],
    at: "login2",
    grace: 3 * MINUTE,
  },
];
for (const { what, elsewhere, untagged, cluster = 3 * MINUTE, at, grace } of cases)
  test(`the user of an orphan: ${what}`, () => {
    const policy = { ...DEFAULT_POLICY, cluster: { ...DEFAULT_POLICY.cluster, grace: cluster } };
    const seen = observation(tree, { takenAt: NOW, elsewhere, tags: untagged ? [] : [tag] });
    const [judgement] = judge(seen, contextFor(policy, "2026-11-23"));
    assert.equal(judgement?.grace, grace);
    const named = /its user is attached on (\w+)/.exec(judgement?.reasons.join() ?? "")?.[1] ?? null;
    assert.equal(named, at);
  });
