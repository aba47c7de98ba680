/** When an orphan's time begins and who comes back before it is over, with stand-ins and a real VS Code server. */

import assert from "node:assert/strict";
import { before, it } from "node:test";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import { realServerLayer, startLegacyServer } from "./real-server.ts";
import {
  becomes,
  COMMIT,
  configure,
  extensionHostOf,
  PROGRAM,
  standInCommand,
  startStandIn,
  suiteNode,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";
import { Window } from "./window.ts";

const RUN = "/run/vscode-grim-reaper";

onLoginNode("the clock", () => {
  let layer: string;
  const node = suiteNode(async () => {
    layer = await realServerLayer();
    return layer;
  });

  before(async () => {
    // Half of the time since boot: what began at the boot is past it, and what begins now is not.
    const uptime = Number((await node.read("/proc/uptime")).split(".")[0]);
    await configure(node, `grace = "${Math.floor(uptime / 2)}s"\nsettle = "0s"\ntermWait = "2s"\n`);
  });

  const explain = (pid: number) => node.run([PROGRAM, "explain", `${pid}`]);
  const verdictOf = async (pid: number) => (await treeOf(node, pid)).verdict;
  const sweepEndsNothing = async () => {
    const { log, status } = await sweep(node);
    assert.deepEqual([log, status], [[], 0]);
  };
  /** After a sweep that found orphans: as if that had been at the boot, and no session of their users had closed since. */
  async function age(): Promise<void> {
    const script = `sed -i 's/"orphanAt":[0-9.]*/"orphanAt":1/g' ${RUN}/states.json; rm -f ${RUN}/tags/*.json`;
    await node.run(["sh", "-c", script]);
  }

  it("whoever comes back while a sweep settles keeps the tree; the rest is ended", async () => {
    const worker = `/home/bob/.vscode-server/bin/${COMMIT}/out/bootstrap-fork`;
    await standInCommand(node, { user: "bob" });
    await node.copyIn(`${worker}.js`, "setInterval(() => {}, 1000);\n");
    const begun = "until [ -e /tmp/settling ]; do sleep 0.05; done";
    const run = `${begun}; /home/bob/.vscode-server/bin/${COMMIT}/node ${worker} --type=extensionHost; :`;
    const session = await startStandIn(node);
    const started = await startStandIn(node, { user: "bob", run });
    const unused = await startStandIn(node, { user: "carol" });
    for (const { pid } of [session, started, unused]) await becomes(node, pid, "wait", true);
    await sweepEndsNothing();
    await age();
    for (const { pid } of [session, started, unused]) assert.equal(await verdictOf(pid), "reap");

    // On a terminal a sweep says when it has looked and waits. At -vv it reads trees that are younger than the grace, too.
    const settle = `${PROGRAM} sweep -vv --settle 20s`;
    const sweeping = await node.spawn(["script", "-qefc", settle, "/dev/null"]);
    await sweeping.waitOutput(/Looking again in/);
    await node.run(["touch", "/tmp/settling"]);
    const alice = await node.ssh("alice", null);
    await alice.session();
    assert.equal((await sweeping.waitExit(120_000)).status, 0, sweeping.stdout());
    const alive = [session, started, unused].map(({ pid }) => node.alive(pid));
    assert.deepEqual(alive, [true, true, false], sweeping.stdout());
    const spared = (pid: number, sign: string) =>
      new RegExp(
        `Spared \\d process(?:es)? under pid ${pid} .*: wait: unused since .*: ${sign} started then`,
      );
    assert.match(sweeping.stdout(), spared(session.pid, "the ssh session \\d+ of its user"));
    assert.match(sweeping.stdout(), spared(started.pid, "its extension host \\d+"));
    await alice.close();
  });

  it("a window used between two sweeps, which reloads at the second, keeps a real server", async () => {
    const server = await startLegacyServer(node, layer, { stay: false });
    await server.ssh.close();
    await becomes(node, server.rootPid, "wait", true);
    await sweepEndsNothing();
    await age();
    assert.equal(await verdictOf(server.rootPid), "reap");

    const window = await Window.open(node, server);
    const host = await extensionHostOf(node, server);
    await window.drop();
    await until(async () => assert.equal(await verdictOf(server.rootPid), "wait"));
    await sweepEndsNothing();
    assert.match(await explain(server.rootPid), new RegExp(`its extension host ${host} started then`));
    const back = await Window.open(node, server, { reconnectionToken: window.reconnectionToken });
    assert.equal(await verdictOf(server.rootPid), "spare");
    assert.equal(await extensionHostOf(node, server), host);
    await back.close();
    await window.ssh.close();
  });

  it("a network that drops between two sweeps keeps a real server, until its window comes back", async () => {
    const server = await startLegacyServer(node, layer, { stay: false });
    await server.ssh.close();
    const window = await Window.open(node, server, { cuttable: true });
    const host = await extensionHostOf(node, server);
    await sweepEndsNothing();
    await window.ssh.cut();
    await until(async () => assert.equal(await verdictOf(server.rootPid), "wait"));
    await sweepEndsNothing();
    assert.match(await explain(server.rootPid), /unused since/);
    const back = await Window.open(node, server, { reconnectionToken: window.reconnectionToken });
    assert.equal(await verdictOf(server.rootPid), "spare");
    assert.equal(await extensionHostOf(node, server), host, "with all that was in it");
    await back.close();
  });
});
