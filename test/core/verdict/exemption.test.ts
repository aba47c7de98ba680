import assert from "node:assert/strict";
import test from "node:test";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import type { Policy } from "../../../src/core/policy/policy.ts";
import type { Judgement } from "../../../src/core/verdict/judge.ts";
import { contextFor, judge, judgeOne } from "../../helpers/judge.ts";
import { NO_GRACE } from "../../helpers/policy.ts";
import {
  COMMIT,
  HOME,
  INIT,
  LEGACY,
  leftHelper,
  legacyTree,
  observation,
  proc,
  sshSession,
} from "../../helpers/proc.ts";

const only = (seen: Observation, policy: Partial<Policy> = {}): Judgement =>
  judgeOne(seen, contextFor({ ...NO_GRACE, ...policy }));

const PTS = 34_816;
const bobs = { uid: 2002 };
const inTerminal = (init: Partial<Proc>): Proc => proc({ pid: 510, ppid: 505, tty: PTS, ...init });
const prompt = (init: Partial<Proc> = {}): Proc => inTerminal({ uid: 0, exe: "/usr/bin/sudo", ...init });
/** What another program of the terminal started. */
const further = (init: Partial<Proc>): Proc => proc({ pid: 511, ppid: 510, tty: PTS, ...init });
const ssh = (argv: string, init: Partial<Proc> = {}): Proc =>
  inTerminal({ exe: "/usr/bin/ssh", argv: argv.split(" "), argvStatus: "read", ...init });
const SUDO = /\(sudo 510\)/;

/** What is in the terminal, and what is said of it; null: the tree ends. reason-codes.test.ts has one for each code. */
const terminals: readonly (readonly [what: string, below: Proc[], says: RegExp | null, Partial<Policy>?])[] =
  [
    [
      "sudo and what it runs",
      [prompt(), further({ uid: 0 })],
      /has a program of uid 0 in its terminal \(sudo 510\)/,
    ],
    [
      "su to another user",
      [prompt({ exe: "/usr/bin/su" }), further(bobs)],
      /of uid 0 in its terminal \(su 510\)/,
    ],
    ["sudo that waits for a password", [prompt()], null],
    ["su that waits for a password", [prompt({ exe: "/bin/su" })], null],
    ["passwd that waits for a password", [prompt({ exe: "/usr/bin/passwd" })], null],
    [
      "su that has left a zombie and waits for a password",
      [prompt({ exe: "/usr/bin/su" }), further({ uid: 0, tty: 0, state: "Z" })],
      null,
    ],
    ["sudo that works", [prompt({ state: "R" })], SUDO],
    ["sudo that waits for a disk", [prompt({ state: "D" })], SUDO],
    ["sudo that is stopped", [prompt({ state: "T" })], SUDO],
    ["a program that sudo became", [prompt({ exe: "/usr/bin/vim" })], /\(vim 510\)/],
    ["another sudo of root's", [prompt({ exe: "/home/bob/sudo" })], SUDO],
    ["a program of root's that hides its name", [prompt({ exe: null })], /\(x 510\)/],
    ["another user's program called sudo", [prompt(bobs)], /uid 2002 in its terminal \(sudo 510\)/],
    ["a prompt beside root's program", [prompt(), prompt({ pid: 511, exe: "/usr/bin/vim" })], /\(vim 511\)/],
    ["another user's program without a terminal", [inTerminal({ ...bobs, tty: 0 })], null],
    ["ssh -R", [ssh("ssh -fNR 8080:db:5432 host")], /has a tunnel in its terminal \(ssh 510\)/],
    ["ssh that an extension started with -w", [ssh("ssh -w0:0 h", { ppid: 502, tty: 0 })], /ssh 510/],
    ["ssh to a host", [ssh("ssh -A host")], null],
    ["ssh whose command line cannot be read", [ssh("", { argvStatus: "denied" })], /ssh 510/],
    ["ssh whose command line is cut", [ssh("ssh host", { argvTruncated: true })], /ssh 510/],
    ["ssh -R that the site ends", [ssh("ssh -R 1:a:2 h")], null, { tunnels: "reap" }],
    ["a terminal multiplexer of the user's", [inTerminal({ exe: "/usr/bin/tmux" })], null],
    ["a shell and what it runs", [inTerminal({ exe: "/usr/bin/make" })], null],
    ["nothing, where agents are exempt", [], null, { agents: { ...NO_GRACE.agents, policy: "exempt" } }],
  ];
for (const [what, below, says, policy] of terminals)
  test(`a tree with ${what} in its terminal: ${says ? "left alone as a whole" : "ends"}`, () => {
    const { verdict, reasons } = only(observation([...legacyTree(500), ...below]), policy);
    assert.equal(verdict, says ? "exempt" : "reap", reasons.join());
    if (says) assert.match(reasons.join(), says);
  });

test("helpers whose parent lives and belongs to no tree are not orphans", () => {
  const parent = proc({ pid: 880, exe: "/opt/other-ide/bin/host" });
  const judgement = only(observation([parent, leftHelper({ ppid: 880 })]));
  assert.deepEqual([judgement.verdict, judgement.isInUse], ["spare", true]);
  assert.match(judgement.reasons.join(), /its parent host 880 lives, belongs to no tree and uses it/);
  assert.equal(only(observation([leftHelper()])).verdict, "reap");
  const manager = proc({ pid: 880, exe: "/usr/lib/systemd/systemd" });
  assert.equal(only(observation([manager, leftHelper({ ppid: 880 })])).verdict, "reap");
  // A server's parent says nothing, also where helpers are below it: a plain shell may have started it long ago.
  const server = [...legacyTree(500, { ppid: 880 }), leftHelper({ ppid: 502 })];
  assert.equal(only(observation([{ ...parent, startTime: 1 }, ...server])).verdict, "reap");
});

test("an init that is not systemd adopts helpers, and does not use them", () => {
  assert.equal(only(observation([{ ...INIT, exe: "/usr/bin/tini" }, leftHelper()])).verdict, "reap");
});

test("helpers wait as long as the server that they may serve, and trees come in the order of their pids", () => {
  const server = legacyTree(950, { startTime: leftHelper().startTime });
  const judged = judge(observation([...server, leftHelper()]));
  const found = judged.map(({ tree, verdict, reasonCode, endsIn }) => [
    tree.root.pid,
    verdict,
    reasonCode,
    endsIn,
  ]);
  assert.deepEqual(found, [
    [900, "wait", "as-its-server", 10_800_000],
    [950, "wait", "inside-grace", 10_800_000],
  ]);
  assert.deepEqual(judged[0]?.reasons, ["may belong to tree 950 (wait)"]);
  const kept = judge(observation([...legacyTree(500, { ppid: 444 }), leftHelper()]), contextFor());
  assert.deepEqual([kept[1]?.verdict, kept[1]?.endsIn], ["unknown", null]);
});

test("helpers get the verdict of the first server that stays, of their own user and product", () => {
  const judged = (...processes: Proc[]): Record<number, string> => {
    const all = judge(observation([...processes, leftHelper()]), contextFor(NO_GRACE));
    return Object.fromEntries(all.map(({ tree, verdict }) => [tree.root.pid, verdict]));
  };
  // Two servers: the one that is ended says nothing about the helpers of the other.
  const kept = legacyTree(600, { ppid: 444 });
  assert.deepEqual(judged(...legacyTree(500), ...kept), { 500: "reap", 600: "unknown", 900: "unknown" });
  assert.deepEqual(judged(...legacyTree(600, { ...bobs, ppid: 444 })), { 600: "unknown", 900: "reap" });
  const folder = `${HOME}/.cursor-server/bin/${COMMIT}`;
  const argv = `${folder}/node ${folder}/out/server-main.js`;
  const cursor = proc({ pid: 600, ppid: 444, exe: `${folder}/node`, argv });
  assert.deepEqual(judged(cursor), { 600: "unknown", 900: "reap" });
  const after = (ticks: number): string | undefined =>
    judged(...kept.map((one) => ({ ...one, startTime: leftHelper().startTime + ticks })))[900];
  assert.deepEqual([after(0), after(1)], ["unknown", "reap"]);
});

test("a root whose command line could not be read makes its tree unknown", () => {
  const [, server, ...workers] = legacyTree(500) as [Proc, Proc, ...Proc[]];
  const verdictOf = (...processes: Proc[]): string => only(observation(processes)).verdict;
  for (const argvStatus of ["timeout", "denied", "empty"] as const)
    assert.equal(verdictOf(proc({ pid: 500, exe: `${LEGACY}/node`, argvStatus })), "unknown", argvStatus);
  // What its workers show does not say that its own command line is a server's.
  for (const argvStatus of ["timeout", "denied"] as const)
    assert.equal(verdictOf({ ...server, ppid: 1, argv: [], argvStatus }, ...workers), "unknown", argvStatus);
});

test("a member whose command line could not be read does not make a server's tree unknown", () => {
  const hidden = proc({ pid: 510, ppid: 501, exe: `${LEGACY}/node`, argvStatus: "denied" });
  assert.equal(only(observation([...legacyTree(500), hidden])).verdict, "reap");
});

test("a session that its user moved into a service of their own does not make that one of sessions", () => {
  const cgroups = ["/user.slice/user-2001.slice/user@2001.service/app.slice/ide.service"];
  const moved = sshSession(300).map((one) => (one.uid === 0 ? one : { ...one, cgroups }));
  assert.equal(only(observation([...moved, ...legacyTree(500, { cgroups })])).verdict, "exempt");
});

test("the smallest uid that is an ordinary user's, and the largest of the system", () => {
  const of = (uid: number): string => only(observation(legacyTree(500, { uid }))).verdict;
  assert.deepEqual([of(999), of(1000)], ["exempt", "reap"]);
});

test("a user's own sshd in a service does not make that service one of sessions", () => {
  const cgroups = ["/system.slice/mine.service"];
  const own = proc({ pid: 300, exe: `${HOME}/bin/sshd`, cgroups });
  assert.equal(only(observation([own, ...legacyTree(500, { cgroups })])).verdict, "exempt");
});

test("a login node that is a container: what this program or root's sshd is in is none from where it stands", () => {
  const pod = "/kubepods.slice/pod7.slice/cri-containerd-0af1.scope";
  const inPod = legacyTree(500, { cgroups: [`${pod}/sshd`] });
  assert.equal(only(observation(inPod)).verdict, "exempt");
  assert.equal(only(observation(inPod, { ownCgroups: [`${pod}/cron`] })).verdict, "reap");
  const sshd = proc({ pid: 300, uid: 0, exe: "/usr/sbin/sshd", cgroups: [`${pod}/sshd`] });
  assert.equal(only(observation([sshd, ...inPod])).verdict, "reap");
});

test("an init whose executable cannot be read hides nothing", () => {
  assert.equal(only(observation([{ ...INIT, exe: null }, ...legacyTree(500)])).verdict, "reap");
});

test("the longest grace of several servers of one tree counts", () => {
  const flagged = (seconds: number, pid: number): Proc[] =>
    legacyTree(pid).map((one) => ({ ...one, argv: [...one.argv, `--reconnection-grace-time=${seconds}`] }));
  const inner = flagged(900, 600).map((one) => (one.pid === 600 ? { ...one, ppid: 505 } : one));
  const seen = observation([...flagged(1200, 500), ...inner]);
  assert.equal(judge(seen)[0]?.grace, 1_200_000);
});
