/** Servers that are reached through relays and from other hosts, with real programs. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../helpers/until.ts";
import { hasLoginNode } from "./available.ts";
import { far, QUIET, Reach } from "./reach.ts";
import {
  attach,
  becomes,
  configure,
  endAll,
  holdPort,
  holdScript,
  type StandIn,
  startStandIn,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const SOCKET = "/home/alice/.vscode-server/server.sock";

describe("servers reached through relays", () => {
  const reach = new Reach();

  it("ssh -R from the node to another host, through which the window comes in", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node);
    const sshd = "/usr/sbin/sshd -D -e -p 2200 -o ListenAddress=10.9.0.2 -o PidFile=none";
    const relayHost = await reach.node.spawn(far("sh", "-c", `exec ${sshd}`));
    await until(async () => assert.notEqual(await reach.node.run(far("ss", "-Htln", "sport = :2200")), ""));
    const ssh = await reach.loose(
      `exec ssh -F none ${QUIET} -i ~/.ssh/bob -p 2200 -N -R 7000:127.0.0.1:${server.at} bob@10.9.0.2`,
    );
    await until(async () => assert.notEqual(await reach.node.run(far("ss", "-Htln", "sport = :7000")), ""));
    assert.equal((await treeOf(reach.node, server.pid)).verdict, "reap", "nothing has come through yet");
    const window = await reach.node.spawn(far(...holdPort(7000)));
    await window.waitOutput(/hello/);
    await reach.isUsed(server, new RegExp(`host 10\\.9\\.0\\.2 → ssh ${ssh} → server ${server.pid}`));
    window.kill("SIGKILL");
    await window.waitExit();
    relayHost.kill("SIGKILL");
    await reach.isEnded(server);
  });

  const SOCAT: readonly { what: string; to: (server: StandIn) => string; args: readonly string[] }[] = [
    { what: "TCP", to: ({ at }) => `TCP:127.0.0.1:${at}`, args: [] },
    { what: "a unix socket", to: ({ at }) => `UNIX-CONNECT:${at}`, args: [`--socket-path=${SOCKET}`] },
  ];
  for (const { what, to, args } of SOCAT)
    it(`ssh to socat to ${what}`, async (t) => {
      if (!hasLoginNode(t)) return;
      const server = await startStandIn(reach.node, { args });
      const port = reach.node.nextPort();
      await reach.loose(`exec socat TCP-LISTEN:${port},fork,reuseaddr,bind=127.0.0.1 ${to(server)}`);
      await reach.listening(port);
      assert.equal((await treeOf(reach.node, server.pid)).verdict, "reap", "socat alone is not a client");
      const window = await attach(reach.node, { at: `${port}` });
      await reach.isUsed(server, new RegExp(`sshd-session \\d+ → socat1? \\d+ → server ${server.pid}`));
      await window.drop();
      await reach.isEnded(server);
    });

  const BELOW: readonly { what: string; program: string; relay: (at: string) => string[] }[] = [
    { what: "nc -U", program: "nc\\.openbsd", relay: (at) => ["nc", "-U", at] },
    {
      what: "a site's proxy",
      program: "python3(?:\\.\\d+)?",
      relay: (at) => [
        "python3",
        "-c",
        `import socket,sys
s=socket.socket(socket.AF_UNIX); s.connect("${at}"); print(s.recv(9).decode(), flush=True); sys.stdin.read()`,
      ],
    },
  ];
  for (const { what, program, relay } of BELOW)
    it(`${what} as the command of an ssh session`, async (t) => {
      if (!hasLoginNode(t)) return;
      const server = await startStandIn(reach.node, { args: [`--socket-path=${SOCKET}`] });
      const ssh = await reach.node.ssh("alice", relay(server.at));
      await ssh.waitOutput(/hello/);
      await reach.isUsed(
        server,
        new RegExp(`sshd-session \\d+ → (?:\\w+ \\d+ → )?${program} \\d+ → server ${server.pid}`),
      );
      await ssh.close();
      await reach.isEnded(server);
    });

  it("another host straight to a server that listens on the network", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node, { args: ["--host=0.0.0.0"] });
    const client = await reach.node.spawn(
      far("bash", "-c", `exec 3<>/dev/tcp/10.9.0.1/${server.at}; read -r line <&3; echo "$line"; read -r _`),
    );
    await client.waitOutput(/hello/);
    await reach.isUsed(server, new RegExp(`host 10\\.9\\.0\\.2 → server ${server.pid}`));
    client.kill("SIGKILL");
    await client.waitExit();
    await reach.isEnded(server);
  });

  it("the unit leaves out a user at work from another host, and looks again once they have left", async (t) => {
    if (!hasLoginNode(t)) return;
    const { node } = reach;
    const summary = async (): Promise<string> => {
      assert.equal((await node.exec(["systemctl", "start", UNIT])).status, 0);
      const lines = (await node.journal("-u", UNIT, "-o", "cat")).split("\n");
      return lines.findLast((line) => /^\d+ trees?[:;]/.test(line)) ?? lines.join("\n");
    };
    const used = await startStandIn(node);
    // Without this test's own streams: they are of another network namespace.
    const sshd =
      "/usr/sbin/sshd -D -p 2205 -o ListenAddress=10.9.0.1 -o PidFile=none </dev/null >/dev/null 2>&1";
    await reach.run(["sh", "-c", `exec ${sshd}`]);
    await reach.listening(2205);
    const forward = `exec ssh -F none ${QUIET} -i /root/keys/alice -p 2205 -N -L 7100:127.0.0.1:${used.at} alice@10.9.0.1`;
    const ssh = await reach.run(far("sh", "-c", forward));
    await reach.listening(7100, far);
    const window = await reach.window(7100, far);
    // The hook tagged the tree at the logout: this sweep reads it, and drops the tag.
    assert.equal(await summary(), "1 tree: 1 spare; nothing ended");
    const orphan = await startStandIn(node, { user: "bob" });
    await becomes(node, orphan.pid, "reap", true);
    assert.match(
      await summary(),
      /^1 tree: 1 reap; 1 user skipped \(all in use or young\); 1 tree ended \(1 process, .*\)$/,
    );
    assert.equal(await summary(), "0 trees; 1 user skipped (all in use or young); nothing ended");
    assert.equal((await treeOf(node, used.pid)).verdict, "spare");
    await reach.end(window, ssh);
    await becomes(node, used.pid, "reap", true);
    assert.match(await summary(), /^1 tree: 1 reap; 1 tree ended /);
    assert.equal(node.alive(used.pid), false);
  });

  it("a window that reloads in the second of a sweep costs no tree; one that stays away does", async (t) => {
    if (!hasLoginNode(t)) return;
    await configure(reach.node, 'grace = "3s"\ntermWait = "2s"\n');
    try {
      const server = await startStandIn(reach.node);
      const window = await attach(reach.node, server);
      await sleep(3500);
      assert.equal((await sweep(reach.node)).status, 0);
      // It reloads: its ssh session stays.
      window.client.kill("SIGKILL");
      await window.client.waitExit();
      const tree = await becomes(reach.node, server.pid, "wait");
      assert.match(tree.reasons.join(), /marked for a second look; the first sweep after \ds ends it/);
      assert.deepEqual((await sweep(reach.node)).log, []);
      const again = await attach(reach.node, server);
      await sleep(3500);
      assert.equal((await treeOf(reach.node, server.pid)).verdict, "spare");
      await sweep(reach.node);
      await again.drop();
      // The mark of before is gone with the use.
      await becomes(reach.node, server.pid, "wait");
      await sweep(reach.node);
      assert.equal(reach.node.alive(server.pid), true);
      await sleep(3500);
      await sweep(reach.node);
      assert.equal(reach.node.alive(server.pid), false);
      await window.ssh.close();
    } finally {
      await configure(reach.node, 'grace = "0"\ntermWait = "2s"\n');
    }
  });

  it("a client in another network namespace is unknown; a sandboxed program in the terminal is not in doubt", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node, { args: [`--socket-path=${SOCKET}`] });
    const client = await reach.node.spawn(far("socat", "-u", `UNIX-CONNECT:${SOCKET}`, "STDOUT"));
    await client.waitOutput(/hello/);
    const tree = await becomes(reach.node, server.pid, "unknown");
    assert.match(tree.reasons.join(), /holds a socket that no list of sockets explains/);
    assert.deepEqual((await sweep(reach.node)).log, []);
    client.kill("SIGKILL");
    await client.waitExit();
    await endAll(reach.node);
    const sandbox = await startStandIn(reach.node, { run: "unshare -rn sleep 1000" });
    await until(async () => assert.ok((await treeOf(reach.node, sandbox.pid)).pids.length >= 2));
    await reach.isEnded(sandbox);
  });

  it("a connection from the terminal to this very host, and back to the server, shields nothing", async (t) => {
    if (!hasLoginNode(t)) return;
    const [port, forward] = [reach.node.nextPort(), reach.node.nextPort()];
    const ssh = `ssh -F none ${QUIET} -i /home/alice/.ssh/id -N -L ${forward}:127.0.0.1:${port} alice@127.0.0.1`;
    const server = await startStandIn(reach.node, { args: [`--port=${port}`], run: ssh });
    await reach.listening(forward);
    const loop = await reach.node.spawn(holdPort(forward));
    await loop.waitOutput(/hello/);
    await reach.isEnded(server);
    loop.kill("SIGKILL");
    await loop.waitExit();
  });

  it("a tunnel that drives a server uses it", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node);
    await reach.node.run(["cp", "/bin/bash", "/usr/local/bin/code"]);
    await reach.node.copyIn(
      "/home/alice/t/tunnel",
      `${holdScript(server.at).replace("sleep 1000", "read -r _ <&3")}\n`,
    );
    const tunnel = await reach.loose("cd ~/t; exec /usr/local/bin/code tunnel", /hello/);
    assert.equal((await treeOf(reach.node, tunnel)).verdict, "exempt");
    await reach.isUsed(
      server,
      new RegExp(`tunnel ${tunnel} \\(is a tunnel, reached without ssh\\) → server ${server.pid}`),
    );
    await reach.node.run(["kill", "-KILL", `${tunnel}`]);
    await reach.isEnded(server);
  });
});
