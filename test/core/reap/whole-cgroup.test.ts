import assert from "node:assert/strict";
import test from "node:test";
import type { Proc } from "../../../src/core/observation/process.ts";
import { makeTracker, refreshTrackedTree, type TrackedTree } from "../../../src/core/reap/tracked-tree.ts";
import {
  type CgroupMember,
  killableCgroupsOf,
  whyNotOnlyThisTree,
} from "../../../src/core/reap/whole-cgroup.ts";
import { viewOf } from "../../../src/core/tree/host-view.ts";
import type { Tree } from "../../../src/core/tree/tree.ts";
import { judgeOne } from "../../helpers/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { ALICE, legacyTree, observation, proc } from "../../helpers/proc.ts";

const bystander = proc({ pid: 900, exe: "/usr/bin/bash", argv: "-bash" });
const before = viewOf(observation([...legacyTree(100), bystander]), DEFAULT_POLICY.catalogue);

const onlyTree = (processes: readonly Proc[]): Tree => judgeOne(observation(processes)).tree;
const trackedTreeOf = (tree: Tree): TrackedTree => makeTracker([tree], before)(tree);

const enclosures = (...cgroups: string[]): string[] =>
  killableCgroupsOf(onlyTree(legacyTree(100, { cgroups })), DEFAULT_POLICY.catalogue);

/** A process that was not seen before. */
const newborn = (more: Partial<CgroupMember> = {}): CgroupMember => ({
  pid: 5000,
  startTime: 9_000_000,
  uids: [ALICE, ALICE, ALICE, ALICE],
  exe: "/home/alice/x",
  outsideParent: null,
  ...more,
});

const why = (...inmates: CgroupMember[]): string | null =>
  whyNotOnlyThisTree(trackedTreeOf(onlyTree(legacyTree(100))), inmates, before.catalogue);

test("only the topmost scope of a path may be the tree's alone", () => {
  const session = "/user.slice/user-2001.slice/session-7.scope";
  const own = "/user.slice/user-2001.slice/user@2001.service/app.slice/app-1.scope";
  assert.deepEqual(enclosures(session), [session]);
  assert.deepEqual(enclosures(`${own}/inner`, session), [own, session]);
  assert.deepEqual(enclosures(`${own}/a.scope/b.scope`, `${own}/c.service`, own), [own]);
  for (const path of [
    "/",
    "/user.slice/user-2001.slice",
    "/user.slice/user-2001.slice/user@2001.service",
    "/system.slice/ssh.service",
    "/user_2001",
    "/../../x.scope",
    "/system.slice/slurmstepd.scope/job_5/step_0/user/task_0",
  ])
    assert.deepEqual(enclosures(path), [], path);
});

const members = legacyTree(100).map(({ pid, startTime, uids, exe }) =>
  newborn({ pid, startTime, uids, exe }),
);

test("members and the unseen they forked are the tree's", () => {
  assert.equal(why(...members, newborn(), newborn({ pid: 5001, exe: "" })), null);
  // A member, wherever its parent is.
  const outsideParent = { pid: 800, exe: "/usr/bin/bash" };
  assert.equal(why({ ...(members[0] as CgroupMember), outsideParent }), null);
  assert.equal(why(), null);
  assert.equal(why(newborn({ pid: 2 })), null);
  const systemd = "/usr/lib/systemd/systemd";
  for (const outsideParent of [
    { pid: 1, exe: systemd },
    { pid: 1, exe: "/tini" },
    { pid: 77, exe: systemd },
  ])
    assert.equal(why(newborn({ outsideParent })), null);
});

test("what a program of a terminal set free while the tree was dying is not the tree's", () => {
  const inTerminal = legacyTree(100).map((one) => (one.pid === 105 ? { ...one, tty: 34816 } : one));
  const later = (more: Partial<Proc>): Proc =>
    proc({ pid: 5000, startTime: 9_000_000, pgid: 105, sid: 105, ...more });
  const whyNot = (processes: readonly Proc[], more: Partial<Proc>): string | null => {
    const tracked = trackedTreeOf(onlyTree(processes));
    refreshTrackedTree(tracked, viewOf(observation([later(more)]), DEFAULT_POLICY.catalogue));
    return whyNotOnlyThisTree(tracked, [newborn()], before.catalogue);
  };
  assert.equal(whyNot(inTerminal, {}), null);
  assert.match(whyNot(inTerminal, { ignoresHangup: true }) ?? "", /^5000 in it is not part of the tree$/);
  assert.match(whyNot(inTerminal, { pgid: 5000, sid: 5000 }) ?? "", /is not part of the tree/);
  assert.equal(whyNot(legacyTree(100), { ignoresHangup: true }), null, "a tree without a terminal");
});

const REFUSED: readonly (readonly [string, Partial<CgroupMember>, RegExp])[] = [
  [
    "one that was there and is no member",
    { pid: 900, startTime: bystander.startTime },
    /900 in it is not part/,
  ],
  ["another user", { uids: [ALICE + 1, ALICE + 1, ALICE + 1, ALICE + 1] }, /other user ids \(2002/],
  ["a setuid program", { uids: [ALICE, 0, 0, 0] }, /other user ids \(2001 0 0 0\)/],
  ["a set-uid-back program", { uids: [ALICE, ALICE, 0, ALICE] }, /other user ids/],
  ["who cannot be read", { uids: null }, /could not be read/],
  ["whose program cannot be read", { exe: null }, /could not be read/],
  ["a new terminal multiplexer", { exe: "/usr/bin/tmux" }, /terminal multiplexer/],
  ["a new login", { outsideParent: { pid: 800, exe: "/usr/sbin/sshd-session" } }, /was started by 800/],
  ["started by somebody unknown", { outsideParent: { pid: 800, exe: null } }, /was started by 800/],
  ["another pid namespace", { pid: 0 }, /outside this pid namespace/],
  ["init", { pid: 1 }, /outside this pid namespace/],
];
for (const [what, more, reason] of REFUSED)
  test(`not with ${what} in it`, () => {
    assert.match(why(newborn(), newborn(more)) ?? "allowed", reason);
  });

test("never for root's trees", () => {
  const roots = trackedTreeOf(onlyTree(legacyTree(100, { uid: 0 })));
  const why = whyNotOnlyThisTree(roots, [newborn({ uids: [0, 0, 0, 0] })], before.catalogue);
  assert.match(why ?? "", /other user ids/);
});
