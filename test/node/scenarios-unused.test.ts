/** What surrounds an orphan, or was left in its terminal, and is nobody's use of it; and what leaves that in doubt. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import { far, Reach } from "./reach.ts";
import { AT_ONCE, attach, becomes, configure, holdPort, startStandIn, treeOf } from "./scenario-helpers.ts";

/** Debian's, of the machine that the tests run on, which is mounted at /opt/host. */
const CHROMIUM = "/opt/host/usr/lib/chromium/chromium";

interface Kind {
  readonly what: string;
  readonly run: string;
  /** A command line that shows that the program works, in a process of the tree. */
  readonly works: RegExp;
}

onLoginNode("an orphan is ended, in spite of", () => {
  const reach = new Reach();

  const connected = [
    'import socket, time; a = socket.create_server(("127.0.0.1", 0))',
    "b = socket.create_connection(a.getsockname()); c = a.accept(); time.sleep(1000)",
  ].join("\n");
  const KINDS: readonly Kind[] = [
    {
      what: "a headless browser, whose sandbox has network namespaces",
      run: `d=$(echo /opt/host/usr/lib/*-linux-gnu); export LD_LIBRARY_PATH=$d:$d/pulseaudio; ${CHROMIUM} --headless --disable-gpu --user-data-dir=/home/alice/browser about:blank; :`,
      works: /--type=renderer/,
    },
    {
      what: "a sandbox with a network namespace of its own",
      run: `bwrap --dev-bind / / --unshare-net python3 -c '${connected}'; :`,
      works: /^python3 -c import socket/,
    },
    {
      what: "a pipe to a program that its user set free",
      run: `mkfifo /home/alice/pipe; setsid -f sleep 7102 <>/home/alice/pipe; exec sleep 7103 <>/home/alice/pipe`,
      works: /^sleep 7103/,
    },
  ];
  for (const { what, run, works } of KINDS)
    it(what, async (t) => {
      if (run.includes(CHROMIUM) && (await reach.node.exec(["test", "-x", CHROMIUM])).status !== 0) {
        if (process.env.CI === "true") assert.fail("not installed: chromium");
        return t.skip("not installed: chromium (Debian: apt-get install chromium)");
      }
      const server = await startStandIn(reach.node, { run });
      await reach.processOf(works);
      await reach.isEnded(server);
      await reach.node.exec(["pkill", "-KILL", "-u", "alice", "-x", "sleep"]);
    });

  it("connections that have ended: half closed by a client that died, or in TIME-WAIT", async () => {
    const half = await startStandIn(reach.node);
    const window = await attach(reach.node, half);
    const closing = await startStandIn(reach.node, { args: ["--goodbye"] });
    const gone = await reach.window(closing.at);
    await becomes(reach.node, half.pid, "spare");
    await reach.end(window.client, gone);
    await window.drop();
    const states = (state: string, at: string) =>
      reach.node.run(["ss", "-Htn", "state", state, `sport = :${at}`]);
    await until(async () => {
      assert.notEqual(await states("close-wait", half.at), "");
      assert.notEqual(await states("time-wait", closing.at), "");
    });
    await becomes(reach.node, closing.pid, "reap");
    await reach.isEnded(half);
  });

  it("a connection that has been silent for longer than silentAfter; one on which data flows counts", async () => {
    await configure(reach.node, `${AT_ONCE}silentAfter = "3s"\n`);
    try {
      const [silent, flowing] = [await startStandIn(reach.node), await startStandIn(reach.node)];
      await reach.loose(`(sleep 1000) | nc 127.0.0.1 ${silent.at}`, /hello/);
      await reach.loose(`(while :; do echo x; sleep 0.1; done) | nc 127.0.0.1 ${flowing.at}`, /hello/);
      const tree = await becomes(reach.node, silent.pid, "reap");
      const details = tree.evidence.map(({ detail }) => detail).join();
      assert.match(details, /127\.0\.0\.1:\d+: silent for \d+s/);
      assert.equal((await treeOf(reach.node, flowing.pid)).verdict, "spare");
      await reach.isEnded(silent);
      assert.equal(reach.node.alive(flowing.pid), true);
    } finally {
      await configure(reach.node, AT_ONCE);
    }
  });

  it("a network namespace of its own; what another namespace has of it leaves it in doubt", async () => {
    const prefix = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"];
    const server = await startStandIn(reach.node, { prefix });
    await becomes(reach.node, server.pid, "reap");
    const inside = await reach.run(["nsenter", "-n", "-t", `${server.pid}`, ...holdPort(server.at)], /hello/);
    await reach.isLeft(server.pid, "unknown", /in a network namespace/);
    // The same port here is another one.
    const here = await startStandIn(reach.node, { user: "bob", args: [`--port=${server.at}`] });
    await reach.isEnded(here);
    await reach.end(inside);
    await reach.isEnded(server);
    const path = "/home/alice/.vscode-server/server.sock";
    const listens = await startStandIn(reach.node, { args: [`--socket-path=${path}`] });
    await reach.run(far("socat", "-u", `UNIX-CONNECT:${path}`, "STDOUT"), /hello/);
    await reach.isLeft(listens.pid, "unknown", /has a socket that the kernel did not list/);
  });
});
