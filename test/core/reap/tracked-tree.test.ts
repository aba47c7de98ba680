import assert from "node:assert/strict";
import test from "node:test";
import type { Proc } from "../../../src/core/observation/process.ts";
import { makeTracker, refreshTrackedTree, type TrackedTree } from "../../../src/core/reap/tracked-tree.ts";
import { viewOf } from "../../../src/core/tree/host-view.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import {
  ALICE,
  LEGACY,
  legacyTree,
  observation,
  proc,
  sshSession,
  TICKS,
  UPTIME,
} from "../../helpers/proc.ts";

const tree = legacyTree(500, { auditSession: 7 });
const viewed = (processes: readonly Proc[]) => viewOf(observation(processes), DEFAULT_POLICY.catalogue);
/** Starts to track the first tree of a look. */
function trackIn(before: readonly Proc[]): TrackedTree {
  const view = viewed(before);
  const [first] = view.trees;
  assert.ok(first);
  return makeTracker([first], view)(first);
}
const pidsOf = ({ alive }: TrackedTree): number[] => alive.map(({ pid }) => pid);
const node = `${LEGACY}/node`;
const late = (UPTIME / 1000) * TICKS + 5;

/** What a look that shows `processes` finds alive of the tree, after one that showed `others` beside the tree. */
function aliveAmong(processes: readonly Proc[], others: readonly Proc[] = []): number[] {
  const tracked = trackIn([...tree, ...others]);
  refreshTrackedTree(tracked, viewed(processes));
  return pidsOf(tracked);
}

test("known processes that live are alive; dead, recycled and other users' are not", () => {
  const rest = tree.filter(({ pid }) => pid > 503);
  const recycled = proc({ pid: 500, startTime: late });
  const zombie = { ...(tree[2] as Proc), state: "Z" };
  assert.deepEqual(aliveAmong([...rest, recycled, zombie]), [504, 505]);
  const changed = rest.map((p) => ({ ...p, uid: 0, uids: [0, 0, 0, 0] as const }));
  assert.deepEqual(aliveAmong(changed), []);
});

test("new descendants of a survivor are taken, but not across a boundary", () => {
  const survivor = tree[5] as Proc;
  const child = proc({ pid: 900, ppid: 505, startTime: late });
  const grandchild = proc({ pid: 901, ppid: 900, startTime: late });
  const root = proc({ pid: 902, ppid: 505, uid: 0, startTime: late });
  const tmux = proc({ pid: 903, ppid: 505, exe: "/usr/bin/tmux", startTime: late });
  assert.deepEqual(aliveAmong([survivor, child, grandchild, root, tmux]), [505, 900, 901]);
});

test("what a dying program of a terminal set free is not taken, also once the terminal is hung up", () => {
  const shell = { ...(tree[5] as Proc), tty: 34816 };
  const tracked = trackIn([...tree.slice(0, 5), shell]);
  const job = proc({ pid: 900, ppid: 505, sid: 505, tty: 34816, startTime: late });
  const saving = proc({ pid: 901, ppid: 505, startTime: late, ignoresHangup: true, sid: 505 });
  const aliveIn = (...processes: Proc[]): number[] => {
    refreshTrackedTree(tracked, viewed(processes));
    return pidsOf(tracked);
  };
  assert.deepEqual(aliveIn({ ...shell, tty: 0 }, job, saving), [505, 900]);
  assert.deepEqual(aliveIn({ ...job, ppid: 1, tty: 0 }, { ...saving, ppid: 900 }), [900]);
});

test("what a dying program of a terminal set free is not taken either once pid 1 has adopted it", () => {
  const shell = { ...(tree[5] as Proc), tty: 34816 };
  const before = [...tree.slice(0, 5), shell];
  const taken = (init: Partial<Proc>): boolean => {
    const tracked = trackIn(before);
    refreshTrackedTree(tracked, viewed([proc({ pid: 901, startTime: late, pgid: 505, sid: 505, ...init })]));
    return tracked.alive.length > 0;
  };
  assert.equal(taken({}), true);
  assert.equal(taken({ ignoresHangup: true }), false, "nohup");
  const own = { exe: shell.exe, auditSession: 7, pgid: 901, sid: 901 };
  assert.equal(taken(own), false, "setsid");
  const ofServer = { exe: node, pgid: 501, sid: 501, ignoresHangup: true };
  assert.equal(taken(ofServer), true, "a server without a terminal");
});

const runaway = (init: Partial<Proc>): Proc =>
  proc({ pid: 900, startTime: late, exe: node, argv: [node], pgid: 900, sid: 900, ...init });
const step = (init: Partial<Proc>): Proc => runaway({ exe: "/bin/step", ...init });
const job = (init: Partial<Proc>): Proc => proc({ pid: 950, exe: "/bin/job", ...init });
const TINI = proc({ pid: 1, ppid: 0, uid: 0, exe: "/usr/bin/tini", startTime: 1 });
const stranger = proc({ pid: 505, startTime: late + 1, auditSession: null });
const sudo = proc({ pid: 950, pgid: 505, uid: 0, exe: "/usr/bin/sudo" });

type Case = readonly [what: string, processes: readonly Proc[], taken: boolean, before?: readonly Proc[]];
const cases: readonly Case[] = [
  ["in a process group that a member led", [step({ pgid: 505 })], true],
  ["in a session that a member led", [step({ sid: 505 })], true],
  ["the tree's executable in its closed audit session", [runaway({})], true],
  ["in a process group whose leader, a member, still lives", [step({ pgid: 505 }), tree[5] as Proc], true],
  ["in the tick of the look before the first signal", [runaway({ pgid: 505, startTime: late - 5 })], true],
  ["by an init that is not systemd", [runaway({ pgid: 505 }), TINI], true],
  ["another program in that audit session", [step({})], false],
  [
    "the same in an audit session that an ssh server holds",
    [runaway({}), ...sshSession(300, ALICE, { auditSession: 7 })],
    false,
  ],
  [
    "the same in an audit session that another server of the user's shares",
    [runaway({})],
    false,
    [proc({ pid: 960, exe: node, argv: [node], auditSession: 7 })],
  ],
  ["in another audit session: a new login's server", [runaway({ auditSession: 8 })], false],
  ["without audit: a new login's server", [runaway({ auditSession: null })], false],
  ["started before the first signal", [runaway({ pgid: 505, startTime: late - 100 })], false],
  ["of another user", [runaway({ pgid: 505, uid: 2002 })], false],
  ["started by another process of the user's", [runaway({ pgid: 505, ppid: 950 }), job({})], false],
  ["of a parent that no look showed", [runaway({ pgid: 505, ppid: 951 })], false],
  ["in a group of a stranger's number", [runaway({ pgid: 505, auditSession: null }), stranger], false],
  ["the next step of a job that had left, in its group", [step({ pgid: 505 })], false, [job({ pgid: 505 })]],
  [
    "the next step of a job that had left the tree, in the session of the tree's terminal",
    [step({ sid: 505 })],
    false,
    [job({ sid: 505 })],
  ],
  ["in the tree's group, of a job in another", [step({ pgid: 505 })], true, [job({ pgid: 949, sid: 949 })]],
  ["in the tree's group, in which sudo runs as well", [step({ pgid: 505 })], true, [sudo]],
];
for (const [what, processes, taken, before] of cases)
  test(`adopted by pid 1, ${what}: ${taken ? "taken" : "left alone"}`, () => {
    assert.equal(aliveAmong(processes, before).includes(900), taken);
  });

test("without audit, or without an executable, looking alike proves nothing", () => {
  const taken = (init: Partial<Proc>, like: Partial<Proc>): boolean => {
    const members = legacyTree(500, { ...init, auditSession: init.auditSession ?? null }).map((one) =>
      "exe" in init ? { ...one, exe: one.pid === 505 ? null : one.exe } : one,
    );
    const tracked = trackIn(members);
    refreshTrackedTree(tracked, viewed([runaway(like)]));
    return tracked.alive.length > 0;
  };
  assert.equal(taken({}, { auditSession: null }), false);
  assert.equal(taken({ auditSession: 7, exe: null }, { auditSession: 7, exe: null }), false);
  assert.equal(taken({ auditSession: 7 }, { auditSession: 7 }), true);
});

test("the user's service manager adopts as well as pid 1, another process does not", () => {
  const manager = proc({ pid: 890, exe: "/usr/lib/systemd/systemd", startTime: 10, auditSession: 1 });
  const adopted = runaway({ ppid: 890, pgid: 505 });
  assert.deepEqual(aliveAmong([manager, adopted], [manager]), [900]);
  assert.deepEqual(aliveAmong([{ ...manager, exe: "/usr/bin/bash" }, adopted], [manager]), []);
});

test("a member that changed its user is not the tree's any more", () => {
  const [, server] = tree as [Proc, Proc];
  assert.deepEqual(aliveAmong([{ ...server, uid: 2002 }]), []);
  assert.deepEqual(aliveAmong([server]), [501]);
});

test("what every look found stays known, so that it counts as killed when it is gone", () => {
  const tracked = trackIn(tree);
  const child = proc({ pid: 901, ppid: 505, startTime: late });
  refreshTrackedTree(tracked, viewed([...tree, child]));
  refreshTrackedTree(tracked, viewed([]));
  assert.equal(tracked.known.size, tree.length + 1);
  assert.deepEqual(tracked.alive, []);
});

test("all trees of a user share what was there before them, and a group of two trees is neither's", () => {
  const second = legacyTree(800);
  const both = [...tree, ...second];
  const { trees } = viewed(both);
  const fork = proc({ pid: 900, ppid: 1, pgid: 800, startTime: late });
  const aliveOf = (inGroup: Partial<Proc>): number[][] => {
    const members = both.map((one) => (one.pid === 503 ? { ...one, ...inGroup } : one));
    const tracked = trees.map(makeTracker(trees, viewed(members)));
    assert.equal(tracked[0]?.before, tracked[1]?.before);
    for (const one of tracked) refreshTrackedTree(one, viewed([second[0] as Proc, fork]));
    return tracked.map(pidsOf);
  };
  assert.deepEqual(aliveOf({}), [[], [800, 900]]);
  assert.deepEqual(aliveOf({ pgid: 800 }), [[], [800]]);
});
