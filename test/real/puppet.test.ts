// What other tests with real processes could not notice: a puppet that does not do what its plan says.
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, readlinkSync } from "node:fs";
import { describe, test } from "node:test";
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
  startHost,
  startTree,
} from "../helpers/puppet.ts";
import { eventually, isRoot, makeHome, USER } from "../helpers/real.ts";

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
  const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, "utf8");

  test("executable, argv, parentage and uid are those of the plan", async () => {
    const exe = puppetNamed(makeHome(options.uid), "node", options.uid);
    const argv = [
      "",
      "two words",
      "tab\there",
      "line\nbreak",
      "back\\slash\\p",
      "ünï",
      `--parent=${PARENT_PID}`,
    ];
    const stage = await start({ name: "a", exe, argv: ["top"], children: [{ name: "b", exe, argv }] });
    const [a, b] = [stage.node("a"), stage.node("b")];
    assert.equal(readlinkSync(`/proc/${b.pid}/exe`), exe);
    assert.deepEqual(argvOf(b.pid), argv.with(6, `--parent=${a.pid}`));
    assert.deepEqual([readStat(b.pid).ppid, readStat(a.pid).ppid], [a.pid, stage.pid]);
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

  test("ignore-term ignores just that; without it SIGTERM ends a puppet", async () => {
    const { node } = await one("ignore-term");
    process.kill(node.pid, "SIGTERM");
    const mask = BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)$/m.exec(statusOf(node.pid))?.[1]}`);
    assert.deepEqual([mask & (1n << 14n), mask & 1n], [1n << 14n, 0n]);
    process.kill(node.pid, "SIGINT");
    await eventually(() => !isAlive(node), "SIGINT still ends it");
    const { node: plain } = await one();
    process.kill(plain.pid, "SIGTERM");
    await eventually(() => !isAlive(plain), "SIGTERM");
  });

  test("fork-chain goes on under ever new pids until the stage ends", async () => {
    const exe = puppetNamed(makeHome(options.uid), "chain", options.uid);
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

  test("stop, setsid, zombie-leader, comm, title and hide-argv change what /proc shows", async () => {
    assert.equal(readStat((await one("stop")).node.pid).state, "T");
    const leader = await one("setsid");
    assert.equal(readStat(leader.node.pid).sid, leader.node.pid);
    const { node, stage } = await one("zombie-leader");
    assert.equal(readStat(node.pid).state, "Z");
    assert.match(statusOf(node.pid), /^Threads:\s*2$/m);
    await stage.end();
    assert.ok(!existsSync(`/proc/${node.pid}`));
    const named = await one("comm=tmux: server,)", "title=ps");
    assert.equal(readStat(named.node.pid).comm, "tmux: server,)");
    assert.deepEqual(argvOf(named.node.pid)[0], "ps");
    const hidden = await one("hide-argv");
    assert.match(readFileSync(`/proc/${hidden.node.pid}/cmdline`, "latin1"), /^\0*$/);
  });

  test("a puppet takes little memory", async () => {
    const { node } = await one();
    const rss = Number(/^VmRSS:\s*(\d+) kB$/m.exec(statusOf(node.pid))?.[1]);
    assert.ok(rss < 1024, `${rss} kB`);
  });
}

describe("by root", { skip: isRoot ? false : "needs root: other uids" }, () => {
  const audit = existsSync("/proc/self/loginuid") ? false : "the kernel has no audit session ids";
  test("each process gets the uid of its line; loginuid opens an audit session, which children inherit", {
    skip: audit,
  }, async () => {
    const exe = puppetBinary();
    const child: PlanNode = { name: "b", uid: USER + 1, exe, argv: ["b"] };
    const behaviours: Behaviour[] = [`loginuid=${USER}`];
    const stage = await startTree({ name: "a", uid: USER, exe, argv: ["a"], behaviours, children: [child] });
    const read = (name: string, file: string) =>
      readFileSync(`/proc/${stage.node(name).pid}/${file}`, "utf8");
    assert.deepEqual([read("a", "loginuid"), read("b", "loginuid")], [String(USER), String(USER)]);
    assert.notEqual(read("a", "sessionid"), readFileSync("/proc/self/sessionid", "utf8"));
    assert.equal(read("b", "sessionid"), read("a", "sessionid"));
    assert.deepEqual(new Set(readUids(stage.node("b").pid)), new Set([USER + 1]));
    assert.match(read("a", "status"), new RegExp(`^Gid:\\s*${USER}\\s+${USER}[\\s\\S]*^Groups:\\s*$`, "m"));
  });

  test("a host of many processes comes up and goes as a whole", async () => {
    const home = makeHome();
    const exe = puppetNamed(home, "node");
    chmodSync(home, 0o755);
    const host = await startHost([
      { count: 400, uid: USER, exe, argv: ["node", "a"] },
      { count: 1, exe, argv: ["node", "b"] },
    ]);
    assert.equal(host.total, 401);
    const childrenOf = (pid: number): number[] =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
    const first = childrenOf(host.pid);
    const copies = childrenOf(first[0] ?? 0);
    assert.deepEqual([first.length, copies.length], [2, 399]);
    assert.deepEqual(argvOf(copies[398] ?? 0), ["node", "a"]);
    assert.equal(readUids(copies[398] ?? 0)[0], USER);
    await host.end();
    await eventually(() => copies.every((pid) => !existsSync(`/proc/${pid}`)), "all copies are gone");
  });
});
