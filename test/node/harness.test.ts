/** The login node's harness: what a failing or killed test must not leave behind. */

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import { childrenOf } from "./boot.ts";
import { LoginNode } from "./login-node.ts";

describe("login node", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    node = await LoginNode.boot();
  });
  after(() => node?.powerOff());

  it("runs systemd to the end of its boot", async (t) => {
    if (!hasLoginNode(t)) return;
    assert.equal(node.state, "running", await node.run(["systemctl", "--failed", "--no-pager"]));
    assert.match(await node.run(["node", "--version"]), /^v20\./);
  });

  it("runs commands as a user, with a status, input and a deadline that ends them inside", async (t) => {
    if (!hasLoginNode(t)) return;
    const argv = ["sh", "-c", 'cat; id -un >&2; echo "$SECRET"; exit 3'];
    const outcome = await node.exec(argv, { user: "bob", input: "in\n", env: { SECRET: "x y" } });
    assert.deepEqual(outcome, { status: 3, stdout: "in\nx y\n", stderr: "bob\n" });
    await assert.rejects(
      node.exec(["sleep", "4711"], { timeoutMs: 300 }),
      /timed out after 300 ms: sleep 4711/,
    );
    assert.deepEqual(
      (await node.processes()).filter((p) => p.args.includes("sleep 4711")),
      [],
    );
  });

  it("spawns a process that it can signal and wait for", async (t) => {
    if (!hasLoginNode(t)) return;
    const sleeper = await node.spawn(["sleep", "4712"], { user: "carol" });
    assert.deepEqual(
      (await node.processes()).find((p) => p.args === "sleep 4712"),
      { pid: sleeper.pid, ppid: 0, uid: 2003, args: "sleep 4712" },
    );
    assert.equal(node.alive(sleeper.pid), true);
    assert.equal(sleeper.kill("SIGTERM"), true);
    assert.equal((await sleeper.waitExit()).status, 143);
    assert.equal(node.alive(sleeper.pid), false);
    assert.equal(sleeper.kill("SIGTERM"), false);
    const quick = await node.spawn(["sh", "-c", "echo out; exit 7"]);
    await assert.rejects(quick.waitOutput(/never/), /no \/never\/ in the output of \d+:\nout\n/);
    assert.deepEqual(await quick.waitExit(), { status: 7, stdout: "out\n", stderr: "" });
  });

  it("leaves no process and no cgroup, when stopped and when its keeper is killed", async (t) => {
    if (!hasLoginNode(t)) return;
    const [one, two] = await Promise.all([LoginNode.boot(), LoginNode.boot()]);
    assert.notEqual(one.machine.initPid, two.machine.initPid);
    const below = childrenOf(one.machine.initPid);
    assert.ok(below.length > 3);
    await one.powerOff();
    for (const pid of [...below, one.machine.initPid])
      await until(() => assert.equal(existsSync(`/proc/${pid}`), false));
    assert.equal(existsSync(one.machine.cgroup), false);
    assert.ok(readdirSync("/proc").includes(`${two.machine.initPid}`));

    const orphaned = [two.machine.initPid, ...childrenOf(two.machine.initPid)];
    process.kill(two.machine.keeperPid, "SIGKILL");
    for (const pid of orphaned) await until(() => assert.equal(existsSync(`/proc/${pid}`), false));
    // Its cgroup is what the next boot removes.
    const three = await LoginNode.boot();
    const cgroups = readdirSync(`/proc/${three.machine.keeperPid}/root/sys/fs/cgroup`);
    assert.ok(cgroups.some((name) => name.endsWith(three.machine.name)));
    assert.ok(!cgroups.some((name) => name.endsWith(two.machine.name)));
    await three.powerOff();
  });
});
