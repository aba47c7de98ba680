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
const bobs = { uid: 2002, uids: [2002, 2002, 2002, 2002] as const };
const inTerminal = (init: Partial<Proc>): Proc => proc({ pid: 510, ppid: 505, tty: PTS, ...init });
const prompt = (init: Partial<Proc> = {}): Proc =>
  inTerminal({ uid: 0, uids: [0, 0, 0, 0], exe: "/usr/bin/sudo", ...init });
const codeTunnel = [inTerminal({ exe: "/usr/local/bin/code", argv: ["code", "tunnel"] })];
const WEB = "/usr/lib/code-server/lib/node";
const web = [inTerminal({ exe: WEB, argv: [WEB, "/usr/lib/code-server/out/node/entry"] })];
const ssh = (argv: string, init: Partial<Proc> = {}): Proc =>
  inTerminal({ exe: "/usr/bin/ssh", argv: argv.split(" "), argvStatus: "read", ...init });

interface Case {
  readonly below: readonly Proc[];
  readonly policy?: Partial<Policy>;
  readonly says: RegExp | null;
}

const terminals: Readonly<Record<string, Case>> = {
  "sudo and what it runs": {
    below: [
      inTerminal({ uid: 0, uids: [0, 0, 0, 0], exe: "/usr/bin/sudo" }),
      proc({ pid: 511, ppid: 510, uid: 0, tty: PTS }),
    ],
    says: /has a program of uid 0 in its terminal \(sudo 510\)/,
  },
  "su to another user": {
    below: [inTerminal({ uid: 0, exe: "/usr/bin/su" }), proc({ pid: 511, ppid: 510, ...bobs, tty: PTS })],
    says: /has a program of uid 0 in its terminal \(su 510\)/,
  },
  "sudo that waits for a password": { below: [prompt()], says: null },
  "su that waits for a password": { below: [prompt({ exe: "/bin/su" })], says: null },
  "passwd that waits for a password": { below: [prompt({ exe: "/usr/bin/passwd" })], says: null },
  "su that has left a zombie and waits for a password": {
    below: [prompt({ exe: "/usr/bin/su" }), proc({ pid: 511, ppid: 510, uid: 0, state: "Z" })],
    says: null,
  },
  "sudo that works": { below: [prompt({ state: "R" })], says: /uid 0 in its terminal \(sudo 510\)/ },
  "sudo that waits for a disk": { below: [prompt({ state: "D" })], says: /\(sudo 510\)/ },
  "sudo that is stopped": { below: [prompt({ state: "T" })], says: /\(sudo 510\)/ },
  "a program that sudo became": { below: [prompt({ exe: "/usr/bin/vim" })], says: /\(vim 510\)/ },
  "another sudo of root's": { below: [prompt({ exe: "/home/bob/sudo" })], says: /\(sudo 510\)/ },
  "a program of root's that hides its name": { below: [prompt({ exe: null })], says: /\(x 510\)/ },
  "another user's program called sudo": {
    below: [prompt({ ...bobs })],
    says: /uid 2002 in its terminal \(sudo 510\)/,
  },
  "a prompt, and beside it a program of root's": {
    below: [prompt(), prompt({ pid: 511, exe: "/usr/bin/vim" })],
    says: /\(vim 511\)/,
  },
  "another user's program": { below: [inTerminal(bobs)], says: /uid 2002 in its terminal/ },
  "another user's program without a terminal": { below: [inTerminal({ ...bobs, tty: 0 })], says: null },
  "an ssh server": {
    below: [inTerminal({ exe: `${HOME}/conda/bin/sshd` })],
    says: /has an ssh server in its terminal \(sshd 510\)/,
  },
  "a tunnel": { below: codeTunnel, says: /has a tunnel in its terminal \(code 510\)/ },
  "ssh -R": { below: [ssh("ssh -fNR 8080:db:5432 host")], says: /has a tunnel in its terminal \(ssh 510\)/ },
  "ssh that an extension started with -w": {
    below: [ssh("ssh -w0:0 h", { ppid: 502, tty: 0 })],
    says: /ssh 510/,
  },
  "ssh to a host": { below: [ssh("ssh -A host")], says: null },
  "ssh whose command line cannot be read": { below: [ssh("", { argvStatus: "denied" })], says: /ssh 510/ },
  "ssh whose command line is cut": { below: [ssh("ssh host", { argvTruncated: true })], says: /ssh 510/ },
  "ssh -R that the site ends": { below: [ssh("ssh -R 1:a:2 h")], policy: { tunnels: "reap" }, says: null },
  "a web server": { below: web, says: /has a web server in its terminal \(node 510\)/ },
  "a terminal multiplexer of the user's": { below: [inTerminal({ exe: "/usr/bin/tmux" })], says: null },
  "a shell and what it runs": { below: [inTerminal({ exe: "/usr/bin/make" })], says: null },
};
for (const [what, { below, policy, says }] of Object.entries(terminals))
  test(`a tree with ${what} in its terminal: ${says ? "left alone as a whole" : "ends"}`, () => {
    const judgement = only(observation([...legacyTree(500), ...below]), policy);
    assert.equal(judgement.verdict, says ? "exempt" : "reap", judgement.reasons.join());
    if (says) {
      assert.match(judgement.reasons.join(), says);
      const liftedBy = [...new Set(judgement.exemptions.map(({ liftedBy }) => liftedBy))];
      assert.deepEqual(liftedBy, ["--include-exempt"]);
    }
  });

test("helpers whose parent lives and belongs to no tree are not orphans", () => {
  const parent = proc({ pid: 880, exe: "/opt/other-ide/bin/host" });
  const judgement = only(observation([parent, leftHelper({ ppid: 880 })]));
  assert.deepEqual([judgement.verdict, judgement.isInUse], ["spare", true]);
  assert.match(judgement.reasons.join(), /its parent host 880 lives, belongs to no tree and uses it/);
  assert.equal(only(observation([leftHelper()])).verdict, "reap");
  const manager = proc({ pid: 880, exe: "/usr/lib/systemd/systemd" });
  assert.equal(only(observation([manager, leftHelper({ ppid: 880 })])).verdict, "reap");
  // A server's parent says nothing: a plain shell may have started it long ago.
  assert.equal(only(observation([parent, ...legacyTree(900, { ppid: 880 })])).verdict, "reap");
});

test("a server with helpers below it is a server, whose parent says nothing", () => {
  const parent = proc({ pid: 880, exe: "/opt/other-ide/bin/host" });
  const tree = [...legacyTree(500, { ppid: 880 }), leftHelper({ ppid: 502 })];
  const older = { ...parent, startTime: 1 };
  assert.equal(only(observation([older, ...tree])).verdict, "reap");
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
  const judged = (...processes: Proc[]): Record<number, string> =>
    Object.fromEntries(
      judge(observation(processes), contextFor(NO_GRACE)).map(({ tree, verdict }) => [
        tree.root.pid,
        verdict,
      ]),
    );
  // Two servers: the one that is ended says nothing about the helpers of the other.
  const kept = legacyTree(600, { ppid: 444 });
  assert.deepEqual(judged(...legacyTree(500), ...kept, leftHelper()), {
    500: "reap",
    600: "unknown",
    900: "unknown",
  });
  const others = legacyTree(600, { ...bobs, ppid: 444 });
  assert.deepEqual(judged(...others, leftHelper()), { 600: "unknown", 900: "reap" });
  const node = `${HOME}/.cursor-server/bin/${COMMIT}/node`;
  const cursor = proc({
    pid: 600,
    ppid: 444,
    exe: node,
    argv: [node, node.replace(/node$/, "out/server-main.js")],
  });
  assert.deepEqual(judged(cursor, leftHelper()), { 600: "unknown", 900: "reap" });
  const started = leftHelper().startTime;
  const sameTick = kept.map((process) => ({ ...process, startTime: started }));
  assert.equal(judged(...sameTick, leftHelper())[900], "unknown");
  const younger = kept.map((process) => ({ ...process, startTime: started + 1 }));
  assert.equal(judged(...younger, leftHelper())[900], "reap");
});

test("a root whose command line could not be read makes its tree unknown", () => {
  const [, ...rest] = legacyTree(500) as [Proc, ...Proc[]];
  const node = (argvStatus: Proc["argvStatus"]): Proc =>
    proc({ pid: 500, exe: `${LEGACY}/node`, argvStatus });
  for (const status of ["timeout", "denied", "empty"] as const)
    assert.equal(only(observation([node(status)])).verdict, "unknown", status);
  // What its workers show does not say that its own command line is a server's.
  const [server, ...workers] = rest as [Proc, ...Proc[]];
  for (const argvStatus of ["timeout", "denied"] as const)
    assert.equal(
      only(observation([{ ...server, ppid: 1, argv: [], argvStatus }, ...workers])).verdict,
      "unknown",
      argvStatus,
    );
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
  const of = (uid: number): string =>
    only(observation(legacyTree(500, { uid, uids: [uid, uid, uid, uid] }))).verdict;
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
