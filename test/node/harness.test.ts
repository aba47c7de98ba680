/** Proves each part of the login node harness, so that a failing scenario is the product's failure. */

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import { childrenOf } from "./boot.ts";
import { installPamHook, installProduct } from "./install-product.ts";
import { LoginNode } from "./login-node.ts";
import { realServerLayer, startExecServer, startLegacyServer } from "./real-server.ts";
import { Window } from "./window.ts";

describe("login node", () => {
  let node: LoginNode;
  let layer: string;

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    layer = await realServerLayer();
    node = await LoginNode.boot({ layer });
  });
  after(() => node?.powerOff());

  async function endServers(): Promise<void> {
    const left = (await node.processes()).filter(
      (p) => p.uid === 2001 && p.args.includes("/.vscode-server/"),
    );
    await node.exec(["kill", "-KILL", ...left.map((p) => `${p.pid}`)]);
    for (const { pid } of left) await until(() => assert.equal(node.alive(pid), false));
  }

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

  it("copies files in with their owner and mode", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.copyIn("/home/bob/a/b.txt", "text\n", { mode: 0o600, owner: "bob:bob" });
    assert.equal(await node.read("/home/bob/a/b.txt"), "text\n");
    assert.equal(await node.run(["stat", "-c", "%U %a", "/home/bob/a/b.txt"]), "bob 600\n");
  });

  it("logs a user in over ssh, with a kernel audit session and a logind session", async (t) => {
    if (!hasLoginNode(t)) return;
    const client = await node.ssh("alice", ["sh", "-c", "cat /proc/self/sessionid; echo; sleep 60"]);
    const session = await client.session();
    assert.match(session.logindSession, /^c?\d+$/);
    const [id] = await client.waitOutput(/^\d+$/m);
    assert.equal(Number(id), session.auditSession);
    assert.equal(node.status(session.child)?.ppid, session.monitor);
    assert.equal(node.status(session.child)?.uid, 2001);
    const shown = await node.run([
      "loginctl",
      "show-session",
      session.logindSession,
      "-p",
      "Name",
      "-p",
      "Service",
    ]);
    assert.deepEqual(shown.trim().split("\n").sort(), ["Name=alice", "Service=sshd"]);

    const other = await node.ssh("alice", ["sleep", "60"]);
    assert.notEqual((await other.session()).auditSession, session.auditSession);
    await client.close();
    await until(() => assert.equal(node.alive(session.monitor), false));
    assert.equal(node.alive((await other.session()).child), true);
    await other.close();
  });

  it("runs the PAM line when a session closes, and what the session left runs on below init", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.copyIn(
      "/usr/local/sbin/on-close",
      '#!/bin/sh\necho "$PAM_USER $PAM_TYPE $PAM_RHOST" >>/run/closed\n',
      {
        mode: 0o755,
      },
    );
    const pam = await node.read("/etc/pam.d/sshd");
    await installPamHook(node, "/usr/local/sbin/on-close");
    const client = await node.ssh("bob", null, {
      stdin: "sleep 4713 >/dev/null 2>&1 </dev/null &\necho $!\n",
    });
    assert.equal((await client.waitExit()).status, 0);
    const left = Number(client.stdout());
    await until(async () =>
      assert.equal(await node.read("/run/closed"), `bob close_session ${client.address}\n`),
    );
    await until(() => assert.equal(node.status(left)?.ppid, 1));
    await node.run(["kill", `${left}`]);
    await node.copyIn("/etc/pam.d/sshd", pam);
  });

  it("cuts a client's network, and sshd gives it up", async (t) => {
    if (!hasLoginNode(t)) return;
    const client = await node.ssh("carol", ["sleep", "60"], { cuttable: true });
    const { monitor } = await client.session();
    await client.cut();
    await until(() => assert.equal(node.alive(monitor), false), { timeoutMs: 20_000 });
    assert.equal(node.alive(client.pid), true, "the client has not noticed");
    assert.match(await node.journal("-t", "sshd-session"), /Timeout, client not responding/);
    client.kill("SIGKILL");
    await client.waitExit();
  });

  it("runs a real server of the legacy generation that outlives its window", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startLegacyServer(node, layer, { stay: false });
    await server.ssh.waitExit();
    await until(() => assert.equal(node.status(server.rootPid)?.ppid, 1));

    const window = await Window.open(node, server);
    const { child } = await window.ssh.session();
    const connections = () =>
      node.run(["ss", "-Htnp", "state", "established", `sport = :${server.port} or dport = :${server.port}`]);
    const held = await connections();
    assert.match(held, new RegExp(`pid=${server.mainPid}\\b`));
    assert.match(held, new RegExp(`pid=${child}\\b`));
    const host = await until(async () => {
      const found = (await node.processes()).find((p) => p.args.includes("--type=extensionHost"));
      assert.equal(found?.ppid, server.mainPid);
      return found;
    });

    await window.drop();
    await until(async () => assert.equal(await connections(), ""));
    // The server itself takes note 30 s later: till then its ends are half closed, in state CLOSE-WAIT.
    const halfClosed = await node.run(["ss", "-Htnp", "state", "close-wait", `sport = :${server.port}`]);
    assert.match(halfClosed, new RegExp(`pid=${server.mainPid}\\b`));
    assert.equal(node.alive(host?.pid ?? 0), true);

    const back = await Window.open(node, server, { reconnectionToken: window.reconnectionToken });
    await back.close();
    await window.ssh.close();
    await endServers();
  });

  it("runs a real server of the exec-server generation behind two hops", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startExecServer(node, layer);
    const cli = (await node.processes()).find((p) => p.pid === server.cliPid);
    assert.match(
      cli?.args ?? "",
      /^\/home\/alice\/\.vscode-server\/code-[0-9a-f]{40} command-shell --cli-data-dir /,
    );
    const window = await Window.open(node, server);
    const unix = await node.run(["ss", "-Hxp", "state", "connected", "src", server.socketPath as string]);
    assert.match(unix, new RegExp(`pid=${server.mainPid}\\b`));
    const first = await Window.open(node, server, { via: "starter" });
    assert.equal(first.ssh, server.ssh);
    await first.drop();
    const straight = await Window.open(node, server, { via: "socket" });
    await straight.close();
    await window.close();

    // The command line program ends with its shell; the server stays.
    const shell = node.status(server.cliPid as number)?.ppid as number;
    await node.run(["kill", "-KILL", `${shell}`]);
    await until(() => assert.equal(node.alive(server.cliPid as number), false));
    await until(() => assert.equal(node.status(server.rootPid)?.ppid, 1));
    await endServers();
  });

  it("installs what is built, and names what is not", async (t) => {
    if (!hasLoginNode(t)) return;
    const { installed, missing } = await installProduct(node);
    for (const path of installed) await node.run(["test", "-s", path]);
    assert.ok(installed.length + missing.length >= 4);
    t.diagnostic(`installed: ${installed.join(" ")}; missing: ${missing.join(" ")}`);
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
