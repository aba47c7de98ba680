/** The ways by which a client reaches a server, and what looks like a client and is none. */

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
  holdScript,
  list,
  PROGRAM,
  type StandIn,
  standInCommand,
  started,
  startLoose,
  startStandIn,
  sweep,
  type Transport,
  treeOf,
} from "./scenario-helpers.ts";

const SOCKET = "/home/alice/.vscode-server/server.sock";

describe("connections to a server, by transport", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() === null) node = await bootWithProduct();
  });
  after(() => node?.powerOff());
  afterEach(() => node && endAll(node));

  const explain = (pid: number) => node.run([PROGRAM, "explain", `${pid}`]);

  const CLIENTS: readonly { what: string; transport: Transport; args: readonly string[] }[] = [
    { what: "ssh -L to its port", transport: "-L port", args: [] },
    { what: "ssh -L to a port of ::", transport: "-L port", args: ["--host=::"] },
    { what: "ssh -L to a port of ::1", transport: "-L port 6", args: ["--host=::1"] },
    {
      what: "ssh -L to its unix socket",
      transport: "-L socket",
      args: [`--socket-path=${SOCKET}`],
    },
    { what: "ssh -D", transport: "-D", args: [] },
  ];
  for (const { what, transport, args } of CLIENTS)
    it(`a client through ${what} spares it, until it is gone`, async (t) => {
      if (!hasLoginNode(t)) return;
      const server = await startStandIn(node, { args });
      assert.equal((await treeOf(node, server.pid)).verdict, "reap");
      const client = await attach(node, server, { transport });
      const { child } = await client.ssh.session();
      assert.equal((await treeOf(node, server.pid)).verdict, "spare");
      assert.match(
        await explain(server.pid),
        new RegExp(`client +yes +sshd-session ${child} → server ${server.pid}$`, "m"),
      );
      assert.deepEqual((await sweep(node)).log, []);
      assert.equal(node.alive(server.pid), true);
      await client.drop();
      await becomes(node, server.pid, "reap");
      assert.equal((await sweep(node)).status, 0);
      assert.equal(node.alive(server.pid), false);
    });

  it("a server on the standard streams of its ssh session is spared, until that ends", async (t) => {
    if (!hasLoginNode(t)) return;
    const ssh = await node.ssh("alice", await standInCommand(node));
    const server = await started(async () => ssh.stdout());
    const { child } = await ssh.session();
    assert.equal((await treeOf(node, server.pid)).verdict, "spare");
    assert.match(
      await explain(server.pid),
      new RegExp(`ancestor +yes +sshd-session ${child} → .*server ${server.pid}$`, "m"),
    );
    await ssh.close();
    await becomes(node, server.pid, "reap");
  });

  /** Each holds an established connection to an orphan's port; `client` says whether that is somebody connected. */
  const HOLDERS: readonly {
    what: string;
    client: boolean;
    hold: (server: StandIn) => Promise<() => Promise<unknown>>;
  }[] = [
    {
      what: "alice's own curl, from no session",
      client: false,
      hold: async ({ at }) => {
        const pid = await startLoose(node, "alice", holdScript(at), /hello/);
        return () => node.run(["kill", "-KILL", `${pid}`]);
      },
    },
    {
      // What relays standard streams looks the same (`ssh HOST nc`).
      what: "alice's own curl, from her ssh terminal",
      client: true,
      hold: async ({ at }) => {
        const ssh = await node.ssh("alice", holdPort(at));
        await ssh.waitOutput(/hello/);
        return () => ssh.close();
      },
    },
    {
      what: "a port scanner of bob's",
      client: false,
      hold: async ({ at }) => {
        const ssh = await node.ssh("bob", holdPort(at));
        await ssh.waitOutput(/hello/);
        return () => ssh.close();
      },
    },
    {
      what: "root's own curl",
      client: false,
      hold: async ({ at }) => {
        const holder = await node.spawn(holdPort(at));
        await holder.waitOutput(/hello/);
        return async () => holder.kill("SIGKILL") && holder.waitExit();
      },
    },
    {
      what: "a browser through alice's ssh -L",
      client: true,
      hold: async (server) => (await attach(node, server)).drop,
    },
    {
      what: "bob through his own ssh -L",
      client: true,
      hold: async (server) => (await attach(node, server, { user: "bob" })).drop,
    },
  ];
  for (const { what, client, hold } of HOLDERS)
    it(`${what} is ${client ? "a" : "no"} client`, async (t) => {
      if (!hasLoginNode(t)) return;
      const server = await startStandIn(node);
      const release = await hold(server);
      const held = await node.run(["ss", "-Htn", "state", "established", `sport = :${server.at}`]);
      assert.notEqual(held, "", "the connection stands");
      const tree = await treeOf(node, server.pid);
      assert.equal(tree.verdict, client ? "spare" : "reap", JSON.stringify(tree.evidence));
      if (!client)
        assert.match(
          await explain(server.pid),
          /client +no +.*; 1 established connection\(s\) lead elsewhere/,
        );
      await sweep(node);
      assert.equal(node.alive(server.pid), client);
      await release();
    });

  it("a client that a stopped server has not accepted yet is a client", async (t) => {
    if (!hasLoginNode(t)) return;
    const tcp = await startStandIn(node);
    const unix = await startStandIn(node, { args: [`--socket-path=${SOCKET}`] });
    await node.run(["kill", "-STOP", `${tcp.pid}`, `${unix.pid}`]);
    for (const [server, target] of [
      [tcp, `127.0.0.1:${tcp.at}`],
      [unix, unix.at],
    ] as const) {
      const port = node.nextPort();
      const ssh = await node.ssh("alice", null, { options: ["-N", "-L", `127.0.0.1:${port}:${target}`] });
      const { child } = await ssh.session();
      await until(async () => assert.notEqual(await node.run(["ss", "-Htln", `sport = :${port}`]), ""));
      const client = await node.spawn(["bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/${port}; read -r _`]);
      await becomes(node, server.pid, "spare");
      const path = new RegExp(`client +yes +sshd-session ${child} → server ${server.pid}$`, "m");
      assert.match(await explain(server.pid), path);
      await sweep(node, "--pid", `${server.pid}`);
      assert.equal(node.alive(server.pid), true);
      client.kill("SIGKILL");
      await client.waitExit();
      await ssh.close();
    }
    // What alice's own programs left in the queue is not a client.
    const script = `exec 3<>/dev/tcp/127.0.0.1/${tcp.at}; echo open; sleep 1000`;
    const own = await startLoose(node, "alice", script, /open/);
    await becomes(node, tcp.pid, "reap");
    await node.run(["kill", "-KILL", `${own}`]);
  });

  it("a connection that is half closed or in TIME-WAIT is not a client", async (t) => {
    if (!hasLoginNode(t)) return;
    const half = await startStandIn(node);
    const window = await attach(node, half);
    // Another server, which has closed first.
    const closing = await startStandIn(node, { args: ["--goodbye"] });
    const gone = await node.spawn(holdPort(closing.at));
    await gone.waitOutput(/hello/);
    assert.equal((await treeOf(node, half.pid)).verdict, "spare");

    window.client.kill("SIGKILL");
    await window.client.waitExit();
    gone.kill("SIGKILL");
    await gone.waitExit();
    const tree = await becomes(node, half.pid, "reap");
    assert.match(tree.evidence.map(({ detail }) => detail).join(), /no established connection/);
    const states = (state: string, at: string) => node.run(["ss", "-Htn", "state", state, `sport = :${at}`]);
    assert.notEqual(await states("close-wait", half.at), "", "the server's end is half closed");
    assert.notEqual(await states("time-wait", closing.at), "", "the server's end waits");
    await becomes(node, closing.pid, "reap");
    assert.equal((await list(node)).trees.length, 2);
    await window.ssh.close();
  });
});
