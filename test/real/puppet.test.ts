// Puppets are what every other test with real processes rests on, so each of their behaviours is proved here.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

describe("as the caller", () => suite({}));
describe("as an ordinary user", { skip: isRoot ? false : "the caller is one already" }, () =>
  suite({ uid: USER }),
);

function suite(options: StageOptions): void {
  const start = (plan: PlanNode | readonly PlanNode[], more: StageOptions = {}): Promise<Stage> =>
    startTree(plan, { ...options, ...more });
  const one = async (...behaviours: Behaviour[]) => {
    const stage = await start({ exe: puppetBinary(), argv: ["puppet"], behaviours });
    const [node] = stage.nodes;
    assert.ok(node !== undefined);
    return { stage, node };
  };

  test("executable, argv, parentage and uid are those of the plan", async () => {
    const home = makeHome(options.uid);
    const exe = puppetNamed(home, "node", options.uid);
    const argv = [
      "",
      "two words",
      "tab\there",
      "line\nbreak",
      "back\\slash\\p",
      "ünï",
      `--parent=${PARENT_PID}`,
      "",
    ];
    const stage = await start({ name: "a", exe, argv: ["top"], children: [{ name: "b", exe, argv }] });
    const [a, b] = [stage.node("a"), stage.node("b")];
    assert.equal(readlinkSync(`/proc/${b.pid}/exe`), exe);
    assert.deepEqual(argvOf(b.pid), argv.with(6, `--parent=${a.pid}`));
    assert.equal(readStat(b.pid).ppid, a.pid);
    assert.equal(readStat(a.pid).ppid, stage.pid);
    assert.equal(readStat(b.pid).comm, "node");
    const uid = options.uid ?? process.getuid?.() ?? -1;
    assert.deepEqual(readUids(b.pid), [uid, uid, uid, uid]);
    await stage.end();
    assert.deepEqual([a, b].map(isAlive), [false, false]);
  });

  test("argv elements may hold any byte", async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x1b, 0x5b, 0x41, 0x0a, 0x80]);
    const stage = await start({ exe: puppetBinary(), argv: ["x", bytes] });
    const raw = readFileSync(`/proc/${stage.pids[0]}/cmdline`);
    assert.deepEqual(raw, Buffer.concat([Buffer.from("x\0"), bytes, Buffer.from("\0")]));
  });

  test("a plan that cannot be carried out is refused and leaves nothing", async () => {
    const plan = { exe: puppetBinary(), argv: ["a"], children: [{ exe: "/nonexistent/node", argv: ["b"] }] };
    await assert.rejects(start(plan), /\/nonexistent\/node: No such file/);
  });

  test("a daemon's parent is pid 1, or the stage when that is a subreaper", async () => {
    const plan: PlanNode = { exe: puppetBinary(), argv: ["d"], behaviours: ["daemon"] };
    const adopted = await start(plan, { subreaper: true });
    assert.equal(readStat(adopted.pids[0] ?? 0).ppid, adopted.pid);
    const free = await start(plan);
    assert.notEqual(readStat(free.pids[0] ?? 0).ppid, free.pid);
  });

  test("without a behaviour SIGTERM and SIGHUP end it", async () => {
    for (const signal of ["SIGTERM", "SIGHUP"] as const) {
      const { node } = await one();
      process.kill(node.pid, signal);
      await eventually(() => !isAlive(node), signal);
    }
  });

  test("ignore-term and ignore-hup ignore just that", async () => {
    const { node } = await one("ignore-term", "ignore-hup");
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${node.pid}/status`, "utf8"))?.[1];
    const mask = BigInt(`0x${ignored}`);
    assert.equal(mask & (1n << 14n), 1n << 14n);
    assert.equal(mask & 1n, 1n);
    process.kill(node.pid, "SIGTERM");
    process.kill(node.pid, "SIGHUP");
    process.kill(node.pid, "SIGINT");
    await eventually(() => !isAlive(node), "SIGINT still ends it");
  });

  test("fork-on-term leaves copies that ignore SIGTERM, and end() ends them too", async () => {
    const { stage, node } = await one("fork-on-term=3");
    process.kill(node.pid, "SIGTERM");
    const forks = [...(await stage.waitForForks(3))].map((pid) => ({
      pid,
      startTime: readStat(pid).startTime,
    }));
    await eventually(() => !isAlive(node), "the first one goes");
    for (const { pid } of forks) {
      const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      assert.equal(BigInt(`0x${ignored}`) & (1n << 14n), 1n << 14n);
      process.kill(pid, "SIGTERM");
    }
    assert.ok(forks.every(isAlive));
    assert.deepEqual(argvOf(forks[0]?.pid ?? 0), ["puppet"]);
    await stage.end();
    assert.ok(!forks.some(isAlive));
  });

  test("fork-chain goes on under ever new pids until the stage ends", async () => {
    const home = makeHome(options.uid);
    const exe = puppetNamed(home, "chain", options.uid);
    const stage = await start({ exe, argv: ["chain"], behaviours: ["fork-chain"] }, { subreaper: true });
    const [node] = stage.nodes;
    assert.ok(node !== undefined && isAlive(node));
    const seen = new Set<string>();
    const children = () => readFileSync(`/proc/${stage.pid}/task/${stage.pid}/children`, "utf8").trim();
    process.kill(node.pid, "SIGUSR1");
    await eventually(() => !isAlive(node), "the first link goes");
    await eventually(() => seen.add(children()).size > 5, "five other links");
    await stage.end(); // resolves only when no process holds the stage's pipe any more
  });

  test("exit-after-term exits by itself, later", async () => {
    const { node } = await one("exit-after-term=150");
    const begin = performance.now();
    process.kill(node.pid, "SIGTERM");
    await eventually(() => !isAlive(node), "it exits");
    assert.ok(performance.now() - begin >= 140);
  });

  test("term-slow is still there well after SIGTERM", async () => {
    const { node } = await one("term-slow");
    process.kill(node.pid, "SIGTERM");
    const pending = () => /^ShdPnd:\s*0+$/m.test(readFileSync(`/proc/${node.pid}/status`, "utf8"));
    await eventually(pending, "the signal is taken");
    assert.ok(isAlive(node));
  });

  test("stop is stopped once it is reported ready", async () => {
    const { node } = await one("stop");
    assert.equal(readStat(node.pid).state, "T");
  });

  test("setsid leads its session", async () => {
    const { node } = await one("setsid");
    assert.equal(readStat(node.pid).sid, node.pid);
  });

  test("zombie-leader is a zombie with a live thread", async () => {
    const { node, stage } = await one("zombie-leader");
    assert.equal(readStat(node.pid).state, "Z");
    assert.match(readFileSync(`/proc/${node.pid}/status`, "utf8"), /^Threads:\s*2$/m);
    await stage.end();
    assert.ok(!existsSync(`/proc/${node.pid}`));
  });

  test("comm, title, hide-argv and big-argv change what /proc shows", async () => {
    const named = await one("comm=tmux: server,)", "title=ps");
    assert.equal(readStat(named.node.pid).comm, "tmux: server,)");
    assert.deepEqual(argvOf(named.node.pid)[0], "ps");
    const hidden = await one("hide-argv");
    assert.match(readFileSync(`/proc/${hidden.node.pid}/cmdline`, "latin1"), /^\0*$/);
    const big = await one("big-argv=250000");
    assert.equal(readFileSync(`/proc/${big.node.pid}/cmdline`).length, "puppet\0".length + 250_000 + 3);
  });

  test("nodump makes its /proc files root's", async () => {
    const { node } = await one("nodump");
    assert.ok(isAlive(node));
    if (options.uid === undefined) return; // root's own files are root's anyway
    const uids = readUids(node.pid);
    assert.equal(uids[0], options.uid);
    assert.equal(statSync(`/proc/${node.pid}/fd`).uid, 0);
  });

  test("a subreaper adopts what its children leave", async () => {
    const exe = puppetBinary();
    const grandchild: PlanNode = { name: "c", exe, argv: ["c"] };
    const child: PlanNode = { name: "b", exe, argv: ["b"], children: [grandchild] };
    const stage = await start({ name: "a", exe, argv: ["a"], behaviours: ["subreaper"], children: [child] });
    process.kill(stage.node("b").pid, "SIGKILL");
    await eventually(() => readStat(stage.node("c").pid).ppid === stage.node("a").pid, "adopted");
    await eventually(() => !existsSync(`/proc/${stage.node("b").pid}`), "collected by its puppet parent");
  });

  test("TCP and unix sockets are connected when the plan is ready", async () => {
    const home = makeHome(options.uid);
    const exe = puppetBinary();
    const path = join(home, "a,b.sock");
    const stage = await start([
      { name: "cli", exe, argv: ["cli"], behaviours: ["tcp-connect=@server", `unix-connect=${path}`] },
      { name: "server", exe, argv: ["server"], behaviours: ["tcp-listen", `unix-listen=${path}`] },
    ]);
    const { port } = stage.node("server");
    assert.ok(port !== undefined && port > 0);
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    const rows = readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .filter((row) => row.includes(`:${hex} `));
    const uid = options.uid ?? process.getuid?.();
    const established = rows.map((row) => row.trim().split(/\s+/)).filter((fields) => fields[3] === "01");
    assert.equal(established.length, 2, rows.join("\n"));
    for (const fields of established) {
      assert.equal(Number(fields[7]), uid);
      assert.notEqual(fields[9], "0", "both ends belong to a process");
    }
    const units = readFileSync("/proc/net/unix", "utf8")
      .split("\n")
      .filter((row) => row.endsWith(path));
    assert.equal(units.length, 2); // the listener and the accepted end
    const other = await start({ exe, argv: ["late"], behaviours: [`tcp-connect=${port}`] });
    assert.equal(other.nodes.length, 1);
  });

  test("mem takes that much memory, and a plain puppet very little", async () => {
    const rss = (pid: number, key: string) =>
      Number(
        new RegExp(`^${key}:\\s*(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1],
      );
    const heavy = await one("mem=20");
    assert.ok(rss(heavy.node.pid, "RssAnon") >= 20 * 1024);
    const plain = await one();
    assert.ok(rss(plain.node.pid, "VmRSS") < 1024, `${rss(plain.node.pid, "VmRSS")} kB`);
    assert.ok(rss(plain.node.pid, "RssAnon") < 128, `${rss(plain.node.pid, "RssAnon")} kB`);
  });
}

import { puppetNamed } from "../helpers/install.ts";
import { argvOf } from "../helpers/proc-read.ts";
import {
  type Behaviour,
  isAlive,
  PARENT_PID,
  type PlanNode,
  puppetBinary,
  readStat,
  readUids,
  type Stage,
  type StageOptions,
  startTree,
} from "../helpers/puppet.ts";
import { eventually, isRoot, makeHome, USER } from "../helpers/real.ts";
