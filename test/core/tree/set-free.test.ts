/** Where a tree ends: what its user set free of a terminal is not part of it, and left behind is not an orphan. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Proc } from "../../../src/core/observation/process.ts";
import { makeTable } from "../../../src/core/tree/process-table.ts";
import { findTrees, type Tree } from "../../../src/core/tree/tree.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import { HOME, INIT, leftHelper, legacyTree, proc } from "../../helpers/proc.ts";

const treesAmong = (...processes: readonly Proc[]): Tree[] =>
  findTrees(makeTable([INIT, ...processes]), DEFAULT_POLICY.catalogue);

const PTS = 34_816;
const SESSION = "/user.slice/user-2001.slice/session-7.scope";
const SCOPE = "/user.slice/user-2001.slice/user@2001.service/app.slice/run-r5.scope";

/** A server with a shell in its terminal: 502 is the extension host, 504 the terminal host, 505 the shell. */
const server = legacyTree(500).map((one) =>
  one.pid === 505 ? { ...one, tty: PTS } : { ...one, pgid: 500, sid: 500 },
);
/** Started by the shell as a job of its own. */
const job = (init: Partial<Proc> = {}): Proc => proc({ pid: 510, ppid: 505, sid: 505, tty: PTS, ...init });

const LEADS = "was set free by its user: leads a session of its own without a terminal";
const IGNORES = "was set free by its user: ignores the hangup of its terminal";
const CGROUP = "was set free by its user: is in a cgroup of its own";
const below = (pid: number, init: Partial<Proc> = {}): Proc => job({ pid, ppid: pid - 1, ...init });
const ofExtension = { ppid: 502, tty: 0, sid: 500, ignoresHangup: true, cgroups: [SCOPE] };

/** Which of 510 to 512 are members, and what is said of 510 where it is not. */
const cases: readonly (readonly [what: string, members: number[], processes: Proc[], why?: string])[] = [
  ["a job, in the background or disowned", [510], [job()]],
  ["setsid", [], [job({ sid: 510, tty: 0 })], LEADS],
  ["nohup", [], [job({ ignoresHangup: true })], IGNORES],
  ["systemd-run --scope", [], [job({ cgroups: [SCOPE] })], CGROUP],
  ["cgexec with one controller of cgroup v1", [], [job({ cgroups: [SESSION, "/mine"] })], CGROUP],
  ["what nohup started", [], [job({ ignoresHangup: true }), below(511), below(512)], IGNORES],
  ["nohup deep in the terminal", [510, 511], [job(), below(511), below(512, { ignoresHangup: true })]],
  ["a terminal within the terminal (ssh)", [510, 511], [job(), below(511, { sid: 511, tty: PTS + 1 })]],
  ["setsid below a program without a terminal", [510], [job({ tty: 0 }), below(511, { sid: 511, tty: 0 })]],
  ["a service of the extension host in its own session", [510], [job({ ppid: 502, sid: 510, tty: 0 })]],
  ["an extension's program, deaf to SIGHUP, in its own cgroup", [510], [job(ofExtension)]],
  ["what may ignore SIGHUP or not", [510], [job({ ignoresHangup: null })]],
];
for (const [what, members, processes, why] of cases)
  test(`${what}: ${members.length > 0 ? `${members.join(" and ")} end` : "nothing ends"} with the tree`, () => {
    const [tree, ...others] = treesAmong(...server, ...processes);
    const found = tree?.members.map(({ pid }) => pid).filter((pid) => pid >= 510);
    assert.deepEqual([others, found], [[], members]);
    const spared = tree?.sparedBelow.map((one) => [one.process.pid, one.why]);
    if (why) assert.deepEqual(spared, [[510, why]]);
  });

test("a shell is a member whatever it ignores: the terminal host started it", () => {
  const shell = { ignoresHangup: true, cgroups: [SCOPE] };
  const [tree] = treesAmong(...server.map((one) => (one.pid === 505 ? { ...one, ...shell } : one)));
  assert.equal(tree?.members.length, 6);
});

test("what a server started by hand set free is not part of it either", () => {
  const byHand = server.map((one) => ({ ...one, tty: PTS }));
  const [tree] = treesAmong(...byHand, job({ ppid: 502, sid: 510, tty: 0 }));
  const reasons = tree?.sparedBelow.map(({ why }) => why);
  assert.deepEqual(reasons, [LEADS]);
});

/** Each tree among these, with the number of its members. */
const sizes = (...processes: readonly Proc[]): number[][] =>
  treesAmong(...processes).map(({ root, members }) => [root.pid, members.length]);

test("a server that its user set free in the terminal of another is left alone until that is gone", () => {
  const inner = legacyTree(600, { ppid: 505, sid: 600, tty: 0 });
  const [root, ...rest] = inner as [Proc, ...Proc[]];
  assert.deepEqual(sizes(...server, ...inner), [[500, 6]]);
  const screen = proc({ pid: 506, ppid: 505, sid: 506, exe: "/usr/bin/screen" });
  assert.equal(sizes(...server, screen, ...legacyTree(700, { ppid: 506 })).join(" "), "500,6 700,6");
  // What is below it is not looked at, so that no user makes a tree of each process of a chain.
  const tmux = proc({ pid: 690, ppid: 605, exe: "/usr/bin/tmux" });
  assert.deepEqual(sizes(...server, ...inner, tmux, ...legacyTree(700, { ppid: 690 })), [[500, 6]]);
  const withBobs = sizes(...server, ...inner, ...legacyTree(700, { uid: 2002, ppid: 605 }));
  assert.equal(withBobs.join(" "), "500,6 700,6");
  assert.deepEqual(sizes({ ...root, ppid: 1 }, ...rest), [[600, 6]]);
  const shells = server.map((one) => ({ ...one, tty: 0 }));
  assert.deepEqual(sizes(...shells, ...inner), [[500, 12]]);
});

test("servers that started in one tick are one tree, whichever is listed first", () => {
  const both = [...legacyTree(600, { ppid: 705, startTime: 1000 }), ...legacyTree(700, { startTime: 1000 })];
  for (const processes of [both, both.toReversed()]) assert.deepEqual(sizes(...processes), [[700, 12]]);
});

const agent = (init: Partial<Proc> = {}): Proc =>
  leftHelper({ exe: `${HOME}/.local/share/zed/external_agents/registry/x/v1/agent`, ...init });

const leftBehind: readonly (readonly [what: string, process: Proc, isTree: boolean])[] = [
  ["in the group of its session's leader", leftHelper(), true],
  ["that leads a session (setsid)", leftHelper({ pgid: 900, sid: 900 }), false],
  ["that a shell started as a job", leftHelper({ pgid: 900 }), false],
  ["in a job that a shell started (a pipeline)", leftHelper({ pgid: 890 }), false],
  ["with a terminal", leftHelper({ tty: PTS }), false],
  ["that ignores SIGHUP", leftHelper({ ignoresHangup: true }), false],
  ["in a scope of the user's service manager", leftHelper({ cgroups: [SCOPE] }), false],
  ["in the service of the host's ssh server", leftHelper({ cgroups: ["/system.slice/ssh.service"] }), true],
  ["whose cgroups could not be read", leftHelper({ cgroups: null }), true],
  ["of Zed's, each of which Zed starts in a session", agent({ pgid: 900, sid: 900 }), true],
  ["of Zed's, with a terminal", agent({ pgid: 900, sid: 900, tty: PTS }), false],
  ["of Zed's, that ignores SIGHUP", agent({ ignoresHangup: true }), false],
];
for (const [what, process, isTree] of leftBehind)
  test(`an extension's program outside every tree ${what}: ${isTree ? "a former server's" : "its user's"}`, () => {
    assert.equal(treesAmong(process).length, isTree ? 1 : 0);
  });

test("a server is one, however it was started", () => {
  const setFree = { ppid: 1, sid: 500, tty: 0, ignoresHangup: true, cgroups: [SCOPE] };
  const [root, ...rest] = server as [Proc, ...Proc[]];
  for (const more of [setFree, { tty: PTS }, { pgid: 500, sid: 400 }])
    assert.equal(treesAmong({ ...root, ...more }, ...rest)[0]?.members.length, 6);
});

test("an extension's program below what its user set free is not a former server's", () => {
  const python = job({ ignoresHangup: true });
  for (const child of [leftHelper({ ppid: 510 }), leftHelper({ ppid: 505, sid: 900, pgid: 900 })])
    assert.deepEqual(sizes(...server, python, child), [[500, 6]]);
});
