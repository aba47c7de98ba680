/** Broken sessions, namespaces and other users: what must not mislead the judgement. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import type { LoginNode } from "./login-node.ts";
import {
  attach,
  becomes,
  bootWithProduct,
  endAll,
  holdPort,
  standardLines,
  standInCommand,
  started,
  startStandIn,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

describe("in adversity", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() === null) node = await bootWithProduct();
  });
  after(() => node?.powerOff());
  afterEach(() => node && endAll(node));

  const verdict = async (pid: number) => (await treeOf(node, pid)).verdict;

  it("sshd's monitor is killed while the connection lives: spare", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(node);
    const window = await attach(node, server);
    const { monitor, child } = await window.ssh.session();
    await node.run(["kill", "-KILL", `${monitor}`]);
    await until(() => assert.equal(node.alive(monitor), false));
    assert.equal(node.alive(child), true);
    assert.equal(await verdict(server.pid), "spare");
    assert.deepEqual((await sweep(node)).log, []);
    // The same for a server below that session, and a new connection through it works.
    assert.equal(node.alive(server.pid), true);
    await window.drop();
  });

  it("sshd's monitor is killed above a server on its streams: spare", async (t) => {
    if (!hasLoginNode(t)) return;
    const ssh = await node.ssh("alice", await standInCommand(node));
    const server = await started(async () => ssh.stdout());
    const { monitor } = await ssh.session();
    await node.run(["kill", "-KILL", `${monitor}`]);
    await until(() => assert.equal(node.alive(monitor), false));
    assert.equal(await verdict(server.pid), "spare");
    await sweep(node);
    assert.equal(node.alive(server.pid), true);
    await ssh.close();
  });

  it("the session that started the server is dead and another is its client: spare", async (t) => {
    if (!hasLoginNode(t)) return;
    const command = (await standInCommand(node)).map(quoted).join(" ");
    const first = await node.ssh("alice", ["sh"], { stdin: `${command} & wait\n` });
    const server = await started(async () => first.stdout());
    const second = await attach(node, server);
    const { monitor, child } = await first.session();
    await node.run(["kill", "-KILL", `${monitor}`, `${child}`]);
    await until(() => assert.equal(node.alive(child), false));
    const tree = await treeOf(node, server.pid);
    assert.equal(tree.verdict, "spare");
    assert.deepEqual(
      tree.evidence.map(({ fact, value }) => [fact, value]),
      [
        ["ancestor", "no"],
        ["client", "yes"],
      ],
    );
    await sweep(node);
    assert.equal(node.alive(server.pid), true);
    await second.drop();
    await becomes(node, server.pid, "reap");
  });

  it("of five dead servers and one live one of the same user, exactly the five are reaped", async (t) => {
    if (!hasLoginNode(t)) return;
    const servers = [];
    for (let i = 0; i < 6; i++) servers.push(await startStandIn(node));
    const [live, ...dead] = servers;
    assert.ok(live);
    const window = await attach(node, live);
    const swept = await sweep(node);
    assert.equal(swept.status, 0, swept.stderr);
    for (const { pid } of dead) {
      assert.deepEqual(standardLines(swept.log, pid, 2001), { count: 1, pids: [pid] });
      assert.equal(node.alive(pid), false);
    }
    assert.equal(swept.log.length, 10);
    assert.equal(node.alive(live.pid), true);
    await window.drop();
  });

  it("the same port in another network namespace: unknown there, and no client for the one here", async (t) => {
    if (!hasLoginNode(t)) return;
    const port = node.nextPort();
    const args = [`--port=${port}`];
    const alice = await startStandIn(node, { args });
    const prefix = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"];
    const bob = await startStandIn(node, { user: "bob", args, prefix });
    const window = await attach(node, alice);
    assert.equal(await verdict(alice.pid), "spare");

    // A connection inside bob's namespace, with the same numbers, is not alice's.
    await window.drop();
    const inside = await node.spawn(["nsenter", "-n", "-t", `${bob.pid}`, ...holdPort(port)]);
    await inside.waitOutput(/hello/);
    const apart = await treeOf(node, bob.pid);
    assert.equal(apart.verdict, "unknown");
    assert.match(apart.reasons.join(), /has connections in another network namespace/);
    await becomes(node, alice.pid, "reap");
    const swept = await sweep(node);
    assert.equal(node.alive(alice.pid), false);
    assert.equal(node.alive(bob.pid), true);
    standardLines(swept.log, alice.pid, 2001);
    inside.kill("SIGKILL");
    await inside.waitExit();
  });

  it("a client of another user's counts when only the owner is swept: spare", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(node);
    const window = await attach(node, server, { user: "bob" });
    for (const chosen of [
      ["--user", "alice"],
      ["--pid", `${server.pid}`],
    ]) {
      const { document } = await sweep(node, ...chosen);
      assert.deepEqual(
        document.trees.map(({ verdict }) => verdict),
        ["spare"],
      );
    }
    assert.equal(node.alive(server.pid), true);
    await window.drop();
  });
});
