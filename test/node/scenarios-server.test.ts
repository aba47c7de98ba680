/** A real VS Code server of both generations, started and reached over real ssh: who is connected, and what a sweep does. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import {
  type RealServer,
  realServerLayer,
  relayToServer,
  startExecServer,
  startLegacyServer,
} from "./real-server.ts";
import {
  becomes,
  extensionHostOf,
  killedIn,
  list,
  serverProcesses,
  suiteNode,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";
import { Window } from "./window.ts";

onLoginNode("a real server", () => {
  let layer: string;
  const node = suiteNode(async () => {
    layer = await realServerLayer();
    return layer;
  });

  /** In use by this session, and no sweep ends anything. */
  async function isUsedBy({ ssh }: Pick<RealServer, "ssh">, pid: number): Promise<void> {
    const tree = await becomes(node, pid, "spare");
    const { child } = await ssh.session();
    assert.match(tree.reasons.join(), new RegExp(`in use: session sshd-session ${child}\\b`));
    const before = await serverProcesses(node, "alice");
    assert.deepEqual((await sweep(node)).log, []);
    assert.deepEqual(await serverProcesses(node, "alice"), before);
  }

  /** Orphans: a sweep ends these trees to the last process, and nothing of the user's is left. */
  async function areEnded(...roots: readonly number[]): Promise<void> {
    const trees = [];
    for (const root of roots) trees.push(await becomes(node, root, "reap"));
    const swept = await sweep(node);
    assert.equal(swept.status, 0, swept.stderr);
    for (const { root, pids } of trees) {
      const logged = killedIn(swept.log, root.pid);
      for (const pid of pids) assert.ok(logged.includes(pid), `${pid} is in the log`);
      for (const pid of [...pids, ...logged]) assert.equal(node.alive(pid), false, `${pid} is dead`);
    }
    assert.deepEqual(await serverProcesses(node, "alice"), []);
    assert.deepEqual((await list(node)).trees, []);
  }

  it("of the legacy generation is spared while somebody is connected, and then ended to the last process", async () => {
    const server = await startLegacyServer(node, layer);
    const root = server.rootPid;
    // The session that started it lives, no window yet. Then its window, through `ssh -D`.
    await isUsedBy(server, root);
    const first = await Window.open(node, server, { via: "starter" });
    await isUsedBy(server, root);
    const host = await extensionHostOf(node, server);
    assert.equal((await treeOf(node, host)).root.pid, root);
    // The client is gone without a word, and its ssh connection with it.
    await first.drop();
    await server.ssh.close();
    await becomes(node, root, "reap", true);
    // A second session uses the old server. Its window crashes while its ssh connection stays, and comes back.
    const second = await Window.open(node, server);
    await isUsedBy(second, root);
    assert.equal((await treeOf(node, root)).tagged, false, "the tag is older than the use");
    await second.drop();
    await becomes(node, root, "reap");
    const back = await Window.open(node, server, { reconnectionToken: second.reconnectionToken });
    await isUsedBy(back, root);
    await back.drop();
    await back.ssh.close();
    await second.ssh.close();
    await areEnded(root);
  });

  it("leaves an extensionHost that outlives it, and a sweep finds that too", async () => {
    const server = await startLegacyServer(node, layer);
    const window = await Window.open(node, server, { via: "starter" });
    const host = await extensionHostOf(node, server);
    await window.drop();
    await node.run(["kill", "-KILL", `${server.mainPid}`, `${server.rootPid}`]);
    await until(() => assert.equal(node.status(host)?.ppid, 1));
    await server.ssh.close();
    assert.equal((await becomes(node, host, "reap")).root.pid, host);
    const swept = await sweep(node);
    assert.ok(killedIn(swept.log, host).includes(host));
    assert.equal(node.alive(host), false);
  });

  it("of the exec-server generation is used over two hops, and outlives its command line program", async () => {
    const server = await startExecServer(node, layer);
    const [cli, root] = [server.cliPid as number, server.rootPid];
    assert.equal((await treeOf(node, root)).root.pid, cli);
    const window = await Window.open(node, server, { via: "starter" });
    await isUsedBy(server, root);
    // The program ends with its shell.
    await node.run(["kill", "-KILL", `${node.status(cli)?.ppid}`]);
    await until(() => assert.equal(node.status(root)?.ppid, 1));
    await window.drop();
    await server.ssh.close();
    await becomes(node, root, "reap");
    // A later session comes straight to the socket; the next one through a program of its own.
    const straight = await Window.open(node, server, { via: "socket" });
    await isUsedBy(straight, root);
    await straight.close();
    await becomes(node, root, "reap");
    const relay = await relayToServer(node, server);
    const through = await Window.open(node, relay, { via: "starter" });
    await isUsedBy(relay, root);
    // That program's session is killed while another session is connected to its port.
    const third = await Window.open(node, relay, { via: "port" });
    await through.drop();
    const { monitor, child } = await relay.ssh.session();
    await node.run(["kill", "-KILL", `${monitor}`, `${child}`]);
    await until(() => assert.equal(node.alive(child), false));
    await isUsedBy(third, root);
    await third.close();
    await areEnded(root, relay.cliPid as number);
  });
});
