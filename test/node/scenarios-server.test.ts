/** A real VS Code server of both generations, started and reached over real ssh: who is connected, and what a sweep does. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import type { LoginNode } from "./login-node.ts";
import { realServerLayer, relayToServer, startExecServer, startLegacyServer } from "./real-server.ts";
import {
  AT_ONCE,
  becomes,
  bootWithProduct,
  configure,
  endServers,
  extensionHostOf,
  list,
  PROGRAM,
  serverProcesses,
  standardLines,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";
import { Window } from "./window.ts";

const ALICE = 2001;

describe("a real server", () => {
  let node: LoginNode;
  let layer: string;

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    layer = await realServerLayer();
    node = await bootWithProduct(layer);
  });
  after(() => node?.powerOff());

  const explain = (pid: number) => node.run([PROGRAM, "explain", `${pid}`]);
  const tags = async () =>
    (await node.run(["ls", "/run/vscode-grim-reaper/tags"])).split("\n").filter(Boolean);

  it("of the legacy generation is spared while somebody is connected, and then reaped to the last process", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startLegacyServer(node, layer);
    const sshd = (await server.ssh.session()).child;
    const root = server.rootPid;

    // The session that started it lives, no window yet.
    assert.equal((await treeOf(node, root)).verdict, "spare");
    assert.match(await explain(root), /^Verdict {2}spare$/m);
    assert.match(
      await explain(root),
      new RegExp(`ancestor +yes +sshd-session ${sshd} → .*launcher ${root}$`, "m"),
    );

    // Its window, through `ssh -D`; the starting script has ended.
    const first = await Window.open(node, server, { via: "starter" });
    assert.match(
      await explain(root),
      new RegExp(`client +yes +sshd-session ${sshd} → server ${server.mainPid}$`, "m"),
    );
    const host = await extensionHostOf(node, server);
    assert.equal((await treeOf(node, host)).root.pid, root);
    assert.deepEqual((await sweep(node)).log, []);

    // The client is gone without a word, and its ssh connection with it.
    await first.drop();
    await server.ssh.close();
    await becomes(node, root, "reap", true);
    assert.match(await explain(root), /client +no +no client is connected/);
    assert.match(await explain(host), /ancestor +no +no ssh session above/);
    await configure(node, "");
    assert.equal((await treeOf(node, root)).verdict, "wait");
    assert.deepEqual((await sweep(node)).log, []);
    await configure(node, AT_ONCE);

    // A second ssh session attaches to the old server.
    const second = await Window.open(node, server);
    const { child } = await second.ssh.session();
    const attached = await treeOf(node, root);
    assert.deepEqual([attached.verdict, attached.tagged], ["spare", true]);
    assert.match(await explain(root), new RegExp(`client +yes +sshd-session ${child} → \\w+ \\d+$`, "m"));
    assert.match(await explain(root), /ancestor +no /);
    const before = await serverProcesses(node, "alice");
    assert.deepEqual((await sweep(node)).log, []);
    assert.equal((await treeOf(node, root)).tagged, false, "the sweep drops the tag of a tree in use");
    assert.deepEqual(await tags(), []);
    assert.deepEqual(await serverProcesses(node, "alice"), before);

    // The window crashes and its ssh connection stays: half-closed connections are not clients. Then it comes back.
    await second.drop();
    assert.match((await becomes(node, root, "reap")).reasons.join(), /no tag/);
    const back = await Window.open(node, server, { reconnectionToken: second.reconnectionToken });
    assert.equal((await treeOf(node, root)).verdict, "spare");

    // Dropped for good.
    await back.drop();
    await back.ssh.close();
    await second.ssh.close();
    const { pids } = await becomes(node, root, "reap");
    assert.ok(pids.includes(await extensionHostOf(node, server)));
    const swept = await sweep(node);
    assert.equal(swept.status, 0, swept.stderr);
    const lines = standardLines(swept.log, root, ALICE);
    for (const pid of pids) assert.ok(lines.pids.includes(pid), `${pid} is in the log`);
    for (const pid of [...pids, ...lines.pids]) assert.equal(node.alive(pid), false, `${pid} is dead`);
    assert.deepEqual(await serverProcesses(node, "alice"), []);
    assert.deepEqual((await list(node)).trees, []);
    assert.deepEqual(await tags(), []);
  });

  it("leaves an extensionHost that outlives it, and a sweep finds that too", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startLegacyServer(node, layer);
    const window = await Window.open(node, server, { via: "starter" });
    const host = await extensionHostOf(node, server);
    await window.drop();
    await node.run(["kill", "-KILL", `${server.mainPid}`, `${server.rootPid}`]);
    await until(() => assert.equal(node.status(host)?.ppid, 1));
    await server.ssh.close();
    const alone = await becomes(node, host, "reap");
    assert.equal(alone.root.pid, host);
    const swept = await sweep(node);
    assert.ok(standardLines(swept.log, host, ALICE).pids.includes(host));
    assert.equal(node.alive(host), false);
    await endServers(node);
  });

  it("of the exec-server generation is spared over two hops, and an orphan without its command line program", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startExecServer(node, layer);
    const cli = server.cliPid as number;
    const root = server.rootPid;
    const { child } = await server.ssh.session();
    // The server is the program's child here; below the live session both are.
    assert.equal((await treeOf(node, root)).root.pid, cli);

    const window = await Window.open(node, server, { via: "starter" });
    assert.equal((await treeOf(node, root)).verdict, "spare");
    assert.match(
      await explain(root),
      new RegExp(`ancestor +yes +sshd-session ${child} → .*cli ${cli}$`, "m"),
    );
    assert.match(await explain(root), new RegExp(`client +yes +sshd-session ${child} → cli ${cli}$`, "m"));
    assert.equal(window.ssh, server.ssh);

    // Alone on its own session: the program ends with its shell; a second session comes straight to the socket.
    await node.run(["kill", "-KILL", `${node.status(cli)?.ppid}`]);
    await until(() => assert.equal(node.status(root)?.ppid, 1));
    await window.drop();
    await server.ssh.close();
    assert.match((await becomes(node, root, "reap")).reasons.join(), /unused since/);
    const straight = await Window.open(node, server, { via: "socket" });
    const sshd = (await straight.ssh.session()).child;
    assert.equal((await treeOf(node, root)).verdict, "spare");
    assert.match(await explain(root), new RegExp(`sshd-session ${sshd} → server ${server.mainPid}$`, "m"));
    await straight.close();
    const { pids } = await becomes(node, root, "reap");
    const swept = await sweep(node);
    assert.equal(swept.status, 0, swept.stderr);
    standardLines(swept.log, root, ALICE);
    for (const pid of pids) assert.equal(node.alive(pid), false);
    assert.deepEqual(await serverProcesses(node, "alice"), []);
  });

  it("of the exec-server generation is reached over two hops from a later session's program", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startExecServer(node, layer);
    const root = server.rootPid;
    await node.run(["kill", "-KILL", `${node.status(server.cliPid as number)?.ppid}`]);
    await server.ssh.close();
    await until(() => assert.equal(node.status(root)?.ppid, 1));
    await becomes(node, root, "reap");

    // sshd above the program, the program's unix socket to the server: the program's session is enough.
    const relay = await relayToServer(node, server);
    const window = await Window.open(node, relay, { via: "starter" });
    const { child } = await relay.ssh.session();
    const cli = relay.cliPid as number;
    assert.equal((await treeOf(node, cli)).root.pid, cli);
    assert.equal((await treeOf(node, root)).root.pid, root);
    const text = await explain(root);
    // The server's end is its own or the extensionHost's.
    const hop = (from: number): RegExp =>
      new RegExp(`client +yes +sshd-session ${from} → .*cli ${cli} → \\w+ \\d+$`, "m");
    assert.match(text, hop(child));
    assert.deepEqual((await sweep(node)).log, []);

    // The program's own session loses sshd; another session reaches the program's port: two hops and no ancestor.
    const third = await Window.open(node, relay, { via: "port" });
    const sshd = (await third.ssh.session()).child;
    await window.drop();
    await node.run(["kill", "-KILL", `${(await relay.ssh.session()).monitor}`, `${child}`]);
    await until(() => assert.equal(node.alive(child), false));
    assert.match(await explain(cli), /ancestor +no /);
    const over = await explain(root);
    assert.match(over, hop(sshd));
    assert.deepEqual((await sweep(node)).log, []);

    await third.close();
    await becomes(node, root, "reap");
    await becomes(node, cli, "reap");
    const swept = await sweep(node);
    assert.equal(swept.status, 0, swept.stderr);
    standardLines(swept.log, root, ALICE);
    standardLines(swept.log, cli, ALICE);
    assert.deepEqual(await serverProcesses(node, "alice"), []);
  });
});
