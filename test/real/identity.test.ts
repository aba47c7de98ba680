// Processes that become others between the look and the signal, through the whole sweep: a wrapped native interface
// holds the sweep at a chosen moment, and the machine is changed there.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { portsFor, requestFor } from "../../src/commands/shared.ts";
import type { LogEvent } from "../../src/core/report/standard-log.ts";
import type { Native, RawSnapshot, SignalOutcome } from "../../src/shell/host/native.ts";
import type { Log } from "../../src/shell/output/log.ts";
import { observeAndJudge, sweep } from "../../src/sweep/sweep.ts";
import { bareServer, COMMIT, puppetNamed, sleeper } from "../helpers/ide-trees.ts";
import { sleepAt } from "../helpers/install.ts";
import { DEFAULT_POLICY } from "../helpers/policy.ts";
import { config, succeeds, temporaryFile } from "../helpers/program.ts";
import {
  type Behaviour,
  isAlive,
  living,
  type PlanNode,
  readStat,
  readUids,
  startTree,
} from "../helpers/puppet.ts";
import { eventually, makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

insidePidNamespace(import.meta.url, "identities", insideNamespace);

const uid = USER;
const SUBORDINATE = 165_536;

interface Changes {
  /** Called before each signal is sent. */
  readonly beforeSignal?: (pid: number) => void;
  /** What the look at the process table is made to show. */
  readonly seen?: (snapshot: RawSnapshot) => RawSnapshot;
  readonly termWait?: number;
}

/** The whole sweep, in this process; also what it said, and what became of each signal, in order. */
async function sweepWith({ beforeSignal, seen, termWait = 500 }: Changes) {
  const messages: string[] = [];
  const write = async (events: readonly LogEvent[]): Promise<void> => {
    messages.push(...events.map(({ message }) => message));
  };
  const log: Log = { write, trouble: () => null, close: () => {} };
  const ports = portsFor(log);
  const signals: { pid: number; outcome: SignalOutcome }[] = [];
  const native: Native = {
    ...ports.native,
    snapshot: async (options) => {
      const snapshot = await ports.native.snapshot(options);
      return seen ? seen(snapshot) : snapshot;
    },
    signal: (id, owner, signo, loginUid) => {
      beforeSignal?.(id.pid);
      const sent = ports.native.signal(id, owner, signo, loginUid);
      signals.push({ pid: id.pid, outcome: sent.outcome });
      return sent;
    },
  };
  const request = requestFor({ ...DEFAULT_POLICY, grace: 0, termWait }, {});
  // A program holds that lock until it ends; this one sweeps again.
  const holdSignals = async (): Promise<void> => {};
  const forged = { ...ports, native, holdSignals, keepsAccount: false };
  const enforcing = { ...request, dryRun: false };
  const result = await sweep(forged, enforcing, await observeAndJudge(forged, enforcing));
  return { result, messages: messages.join("\n"), signals };
}

const once = (act: (pid: number) => void, only: number): ((pid: number) => void) => {
  let done = false;
  return (pid) => {
    if (done || pid !== only) return;
    done = true;
    act(pid);
  };
};

/** Waits without letting anything else of this process run: the sweep stands still meanwhile. */
function standStill(until: () => boolean, what: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < 4000; tries++) {
    if (until()) return;
    Atomics.wait(cell, 0, 0, 5);
  }
  assert.fail(`never: ${what}`);
}

const strangers: ChildProcess[] = [];
/** Ends a process and starts another of the same user under its number, in a session of its own. */
function recycle(pid: number): ChildProcess {
  const before = readStat(pid).startTime;
  process.kill(pid, "SIGKILL");
  standStill(() => !existsSync(`/proc/${pid}`), `${pid} is collected`);
  const ticks = (): number => Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 100;
  standStill(() => ticks() > before + 2, "a later tick");
  for (let tries = 0; tries < 50; tries++) {
    writeFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
    const identity = { uid, gid: uid, cwd: "/" };
    const stranger = spawn("/bin/sleep", ["1000"], { stdio: "ignore", detached: true, ...identity });
    strangers.push(stranger);
    if (stranger.pid === pid) return stranger;
    stranger.kill("SIGKILL");
  }
  return assert.fail(`pid ${pid} could not be had`);
}

/** A file that only a write by this test opens, for shells to wait at. */
function gate(home: string, name: string): string {
  const path = join(home, name);
  assert.equal(spawnSync("mkfifo", ["-m", "666", path]).status, 0);
  return path;
}

/** A server whose node is bash, and whose script are these lines: its first two arguments. */
function shellServer(home: string, lines: readonly string[]): [node: string, script: string] {
  const node = join(home, ".vscode-server", "bin", COMMIT, "node");
  const script = join(dirname(node), "out", "server-main.js");
  mkdirSync(dirname(script), { recursive: true });
  copyFileSync("/bin/bash", node);
  writeFileSync(script, `${lines.join("\n")}\n`);
  chmodSync(node, 0o755);
  spawnSync("chown", ["-R", `${uid}:${uid}`, home]);
  return [node, script];
}

/** A shell below the server that executes `program` when the gate opens. */
function becomes(path: string, program: string): PlanNode {
  const argv = ["bash", "--norc", "-c", 'read -r go < "$0"; exec "$1" 1000', path, program];
  return { name: "shell", uid, exe: "/bin/bash", argv, behaviours: ["foreign"] };
}

const isNow = (pid: number, exe: string): boolean => readlinkSync(`/proc/${pid}/exe`) === exe;

function insideNamespace(): void {
  after(() => {
    for (const stranger of strangers)
      if (stranger.exitCode === null && stranger.signalCode === null) stranger.kill("SIGKILL");
  });
  const child = (home: string, name: string, more: PlanNode["behaviours"] = []): PlanNode => {
    const exe = `${home}/.vscode-server/bin/${COMMIT}/node`;
    return { name, uid, exe, argv: [exe, name], behaviours: ["ignore-term", ...more] };
  };

  for (const which of ["server", "worker"])
    test(`the ${which}'s pid is another process's when the signal comes: it lives, the rest of the tree ends`, async () => {
      const home = makeHome(uid);
      const children = [child(home, "worker"), child(home, "other")];
      const stage = await startTree(bareServer(home, uid, ["ignore-term"], children));
      const { pid } = stage.node(which);
      let stranger: ChildProcess | undefined;
      const beforeSignal = once(() => {
        stranger = recycle(pid);
      }, pid);
      const { result, signals } = await sweepWith({ beforeSignal });
      assert.equal(stranger?.pid, pid);
      assert.deepEqual([stranger?.exitCode, stranger?.signalCode], [null, null], "the stranger was ended");
      assert.notEqual(readStat(pid).state, "T", "the stranger was stopped");
      const outcomes = signals.flatMap((signal) => (signal.pid === pid ? [signal.outcome] : []));
      assert.deepEqual(new Set(outcomes), new Set(["recycled"]));
      assert.deepEqual(living(stage), []);
      assert.equal(result.failed, false);
      stranger?.kill("SIGKILL");
    });

  for (const [what, owner, mode] of [
    ["what a member executes meanwhile does not matter: the process is the same", USER, 0o755],
    ["a member that executes a setuid program meanwhile is not its user's any more: it lives", 0, 0o4755],
  ] as const)
    test(what, async () => {
      const home = makeHome(uid);
      const path = gate(home, "gate");
      const program = sleepAt(join(home, "bin", "program"), owner, mode);
      const stage = await startTree(bareServer(home, uid, [], [becomes(path, program)]));
      const { pid } = stage.node("shell");
      const beforeSignal = once(() => {
        writeFileSync(path, "go\n");
        standStill(() => isNow(pid, program), "the shell became another program");
      }, pid);
      const { result, signals } = await sweepWith({ beforeSignal });
      // The sweep may not end what is not its user's any more, so that is not a survivor either.
      assert.equal(result.failed, false);
      assert.deepEqual(living(stage), owner === 0 ? ["shell"] : []);
      if (owner !== 0) return;
      assert.deepEqual(readUids(pid), [uid, 0, 0, 0]);
      const outcomes = signals.flatMap((signal) => (signal.pid === pid ? [signal.outcome] : []));
      assert.deepEqual(new Set(outcomes), new Set(["foreign"]));
      assert.notEqual(readStat(pid).state, "T");
    });

  const audit = existsSync("/proc/self/loginuid") ? false : "the kernel has no audit session ids";
  test("a member of another login than the one that was judged lives, and is reported", {
    skip: audit,
  }, async () => {
    const home = makeHome(uid);
    const server = bareServer(home, uid, [`loginuid=${uid}`], [child(home, "worker"), child(home, "other")]);
    const stage = await startTree(server);
    const { pid } = stage.node("worker");
    const seen = (snapshot: RawSnapshot): RawSnapshot => ({
      ...snapshot,
      processes: snapshot.processes.map((p) => (p.pid === pid ? { ...p, loginUid: uid + 1 } : p)),
    });
    const { result, signals, messages } = await sweepWith({ seen });
    assert.ok(signals.some((signal) => signal.pid === pid && signal.outcome === "foreign"));
    assert.deepEqual(living(stage), ["worker"]);
    assert.equal(result.failed, true);
    assert.match(messages, /^Failed to kill 1 process\(es\)/m);
  });

  test("a subordinate id's process inside a tree lives; the user's own in a user namespace ends", async () => {
    const home = makeHome(uid);
    spawnSync("chmod", ["a+rx", home]);
    const exe = puppetNamed(home, "box", uid);
    const boxes: PlanNode[] = [
      { name: "subordinate", uid, exe, argv: ["box"], behaviours: [`subuid=${SUBORDINATE}`] },
      { name: "mapped-root", uid, exe, argv: ["box"], behaviours: ["subuid=0"] },
    ];
    const stage = await startTree(bareServer(home, uid, ["ignore-term"], boxes));
    assert.deepEqual(readUids(stage.node("subordinate").pid), Array(4).fill(SUBORDINATE));
    assert.deepEqual(readUids(stage.node("mapped-root").pid), Array(4).fill(uid));
    const namespace = (pid: number | "self"): string => readlinkSync(`/proc/${pid}/ns/user`);
    for (const box of boxes) assert.notEqual(namespace(stage.node(box.name ?? "").pid), namespace("self"));
    succeeds(["sweep", "--force", "--yes", "-c", config()]);
    assert.deepEqual(living(stage), ["subordinate"]);
  });

  const box = (program: readonly string[]): readonly string[] => [
    ...["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"],
    ...program,
  ];
  const firstChild = (pid: number): number =>
    Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0] || Number.NaN);

  test("a container without privilege inside a tree ends with it; a server inside one is exempt", async (t) => {
    const may = spawnSync("/usr/bin/unshare", box(["true"]).slice(1), { uid, gid: uid });
    if (may.status !== 0) return t.skip("users may make no namespaces here");
    const boxed = (name: string, program: readonly string[], ...more: Behaviour[]): PlanNode => {
      const behaviours: Behaviour[] = ["foreign", ...more];
      return { name, uid, exe: "/usr/bin/unshare", argv: box(program), behaviours };
    };
    const other = makeHome(uid);
    const server = shellServer(other, [`read -r go < ${gate(other, "gate")}`]);
    const inside = boxed("box", ["sleep", "1000"]);
    const stage = await startTree([
      bareServer(makeHome(uid), uid, [], [inside]),
      boxed("alone", [...server, "--port=0"], "daemon"),
    ]);
    const ids = [];
    for (const [name, exe] of [
      ["box", "/usr/bin/sleep"],
      ["alone", server[0]],
    ] as const) {
      const child = (): number => firstChild(stage.node(name).pid);
      await eventually(() => child() > 0 && isNow(child(), exe), `${name} runs`);
      ids.push({ pid: child(), startTime: readStat(child()).startTime });
    }
    const swept = succeeds(["sweep", "-vv", "-c", config()]);
    assert.deepEqual(living(stage), ["alone"]);
    assert.deepEqual(ids.map(isAlive), [false, true]);
    assert.match(swept.stderr, new RegExp(`exempt: tree ${ids[1]?.pid} .*lives in another pid namespace`));
  });

  test("what leaves the tree by a new session and two forks while it is ended is ended; a bystander is not", {
    skip: audit,
  }, async () => {
    const home = makeHome(uid);
    const [ready, left, path] = [join(home, "ready"), join(home, "left"), gate(home, "gate")];
    // The shell's own loop runs the trap between two reads. Who opens the gate for both never sees its end.
    const leave = `setsid -f "$BASH" --norc -c 'echo $$ > ${left}; read -r go <> ${path}'`;
    const argv = shellServer(home, [
      `trap '' HUP; trap "$(cat <<'END'\n${leave}; while [ ! -s ${left} ]; do read -r -t 0.02 go <> ${path}; done; exit 0\nEND\n)" TERM`,
      `echo ready > ${ready}`,
      `while :; do read -r -t 0.1 go <> ${path}; done`,
    ]);
    const common = ["daemon", "setsid", `loginuid=${uid}`] as const;
    const server: PlanNode = { name: "server", uid, exe: argv[0], argv, behaviours: ["foreign", ...common] };
    const beside: PlanNode = { ...sleeper(home, "beside", ["beside"], uid), behaviours: common };
    const stage = await startTree([server, beside]);
    await eventually(() => existsSync(ready), "the server is ready to leave");
    const { result, messages } = await sweepWith({ termWait: 5000 });
    const runaway = Number(readFileSync(left, "utf8"));
    assert.ok(runaway > 0 && runaway !== stage.node("server").pid);
    assert.ok(!existsSync(`/proc/${runaway}`), `${runaway} got away`);
    assert.deepEqual(living(stage), ["beside"]);
    assert.equal(result.failed, false);
    assert.match(messages, /^Killed 2 process\(es\)/m);
  });

  const filter = /--seccomp-filter/.test(String(spawnSync("setpriv", ["--help"]).stdout))
    ? false
    : "setpriv has no --seccomp-filter";
  test("on a kernel without pidfd the sweep still ends an orphan, and its log says how", {
    skip: filter,
  }, async () => {
    const home = makeHome(uid);
    const stage = await startTree(bareServer(home, uid, ["ignore-term"], [child(home, "worker")]));
    const program = ["dist/vscode-grim-reaper.cjs", "sweep", "-v", "-c", config()];
    const argv = ["--seccomp-filter", withoutPidfd(), process.execPath, ...program];
    const swept = spawnSync("setpriv", argv, { encoding: "utf8", timeout: 300_000 });
    assert.equal(swept.status, 0, swept.stderr);
    assert.match(swept.stderr, /This kernel has no pidfd: processes were checked by start time/);
    assert.match(swept.stderr, /Killed 2 process\(es\)/);
    assert.deepEqual(living(stage), []);
  });
}

/** A seccomp filter, by seccomp(2) and bpf: pidfd_open and pidfd_send_signal answer ENOSYS, as before Linux 5.1. */
function withoutPidfd(): string {
  const [LOAD, EQUAL, RETURN] = [0x20, 0x15, 0x06];
  const [ALLOW, ENOSYS] = [0x7fff0000, 0x00050000 + 38];
  const words = [LOAD, 0, EQUAL | (2 << 16), 434, EQUAL | (1 << 16), 424, RETURN, ALLOW, RETURN, ENOSYS];
  const path = temporaryFile("filter.bpf", "");
  writeFileSync(path, new Uint32Array(words));
  return path;
}
