// What only root can show: other uids, audit sessions, many processes, a pid namespace of one's own.
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const sandbox = inPidNamespace(import.meta.url);
const skip = isRoot ? false : "needs root: other uids";

if (sandbox.inside) insideNamespace();
else outside();

function insideNamespace(): void {
  test("a process can be started under a chosen, already used pid", async () => {
    const first = await spawnWithPid(4242, ["/bin/sleep", "1000"]);
    const before = readStat(4242).startTime;
    first.kill("SIGKILL");
    await eventually(() => !existsSync("/proc/4242"), "the first one is collected");
    await eventually(
      () => Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 100 > before + 2,
      "a later tick",
    );
    const second = await spawnWithPid(4242, ["/bin/sleep", "1000"]);
    assert.equal(second.pid, 4242);
    assert.ok(readStat(4242).startTime > before);
    second.kill("SIGKILL");
  });

  test("pid 1 of the namespace adopts and collects orphans", async () => {
    const stage = await startTree({ exe: puppetBinary(), argv: ["orphan"], behaviours: ["daemon"] });
    const [orphan] = stage.nodes;
    assert.ok(orphan !== undefined);
    assert.equal(readStat(orphan.pid).ppid, 1);
    process.kill(orphan.pid, "SIGKILL");
    await eventually(() => !existsSync(`/proc/${orphan.pid}`), "the orphan is collected");
  });
}

function outside(): void {
  test("inside a pid namespace", { skip: sandbox.skip }, async (t) => {
    const { passed } = await sandbox.run();
    t.diagnostic(`${passed} tests passed inside`);
  });

  test("each process gets the uid of its line, its children another", { skip }, async () => {
    const home = makeHome();
    const exe = puppetNamed(home, "node");
    chmodSync(home, 0o755);
    const child: PlanNode = { name: "b", uid: USER + 1, exe, argv: ["b"] };
    const stage = await startTree({ name: "a", uid: USER, exe, argv: ["a"], children: [child] });
    assert.deepEqual(new Set(readUids(stage.node("a").pid)), new Set([USER]));
    assert.deepEqual(new Set(readUids(stage.node("b").pid)), new Set([USER + 1]));
    const status = readFileSync(`/proc/${stage.node("a").pid}/status`, "utf8");
    assert.match(status, new RegExp(`^Gid:\\s*${USER}\\s+${USER}`, "m"));
    assert.match(status, /^Groups:\s*$/m);
  });

  const audit = existsSync("/proc/self/loginuid") ? skip : "the kernel has no audit session ids";
  test("loginuid opens a new audit session, which children inherit", { skip: audit }, async () => {
    const exe = puppetBinary();
    const child: PlanNode = { name: "b", uid: USER, exe, argv: ["b"] };
    const login: Behaviour = `loginuid=${USER}`;
    const stage = await startTree({
      name: "a",
      uid: USER,
      exe,
      argv: ["a"],
      behaviours: [login],
      children: [child],
    });
    const read = (name: string, file: string) =>
      readFileSync(`/proc/${stage.node(name).pid}/${file}`, "utf8");
    assert.equal(read("a", "loginuid"), String(USER));
    assert.equal(read("b", "loginuid"), String(USER));
    assert.notEqual(read("a", "sessionid"), readFileSync("/proc/self/sessionid", "utf8"));
    assert.equal(read("b", "sessionid"), read("a", "sessionid"));
  });

  test("a host of many processes comes up and goes as a whole", { skip }, async () => {
    const home = makeHome();
    const exe = puppetNamed(home, "node");
    chmodSync(home, 0o755);
    const host = await startHost([
      { count: 400, uid: USER, exe, argv: ["node", "a"] },
      { count: 1, exe, argv: ["node", "b"] },
    ]);
    assert.equal(host.total, 401);
    const first = readFileSync(`/proc/${host.pid}/task/${host.pid}/children`, "utf8").trim().split(" ");
    const copies = readFileSync(`/proc/${first[0]}/task/${first[0]}/children`, "utf8")
      .trim()
      .split(" ")
      .map(Number);
    assert.equal(first.length, 2);
    assert.equal(copies.length, 399);
    assert.deepEqual(argvOf(copies[398] ?? 0), ["node", "a"]);
    assert.equal(readUids(copies[398] ?? 0)[0], USER);
    await host.end();
    await eventually(() => copies.every((pid) => !existsSync(`/proc/${pid}`)), "all copies are gone");
  });
}

import { puppetNamed } from "../helpers/install.ts";
import { argvOf } from "../helpers/proc-read.ts";
import {
  type Behaviour,
  type PlanNode,
  puppetBinary,
  readStat,
  readUids,
  startHost,
  startTree,
} from "../helpers/puppet.ts";
import { eventually, isRoot, makeHome, USER } from "../helpers/real.ts";
import { inPidNamespace, spawnWithPid } from "../helpers/sandbox.ts";
