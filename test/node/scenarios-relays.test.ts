/** Servers that are reached through relays, from other hosts and by other ssh servers, with real programs. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import type { LoginNode } from "./login-node.ts";
import {
  attach,
  becomes,
  bootWithProduct,
  configure,
  endAll,
  holdPort,
  holdScript,
  PROGRAM,
  type StandIn,
  startLoose,
  startStandIn,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

const SOCKET = "/home/alice/.vscode-server/server.sock";
const QUIET =
  "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";

describe("servers reached through relays", () => {
  let node: LoginNode;
  const loose: number[] = [];

  /** Another host: a network namespace at the other end of a cable. */
  const far = (...argv: string[]): string[] => ["ip", "netns", "exec", "far", ...argv];

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    node = await bootWithProduct();
    const cable = [
      "ip netns add far",
      "ip link add near0 type veth peer name far0 netns far",
      "ip addr add 10.9.0.1/24 dev near0 && ip link set near0 up",
      "ip -n far addr add 10.9.0.2/24 dev far0 && ip -n far link set far0 up && ip -n far link set lo up",
      "install -m 0600 -o alice -g alice /root/keys/alice /home/alice/.ssh/id",
      "install -m 0600 -o alice -g alice /root/keys/bob /home/alice/.ssh/bob",
    ];
    await node.run(["sh", "-ec", cable.join("\n")]);
  });
  after(() => node?.powerOff());
  afterEach(async () => {
    if (!node) return;
    for (const pid of loose.splice(0)) await node.exec(["kill", "-KILL", "--", `-${pid}`]);
    await endAll(node);
  });

  const explain = (pid: number) => node.run([PROGRAM, "explain", `${pid}`]);
  const start = async (script: string, ready?: RegExp): Promise<number> => {
    const pid = await startLoose(node, "alice", script, ready);
    loose.push(pid);
    return pid;
  };
  const listening = (port: number) =>
    until(async () => assert.notEqual(await node.run(["ss", "-Htln", `sport = :${port}`]), ""));

  /** Spared by `explain`'s word and by a sweep. */
  const isUsed = async (server: StandIn, path: RegExp): Promise<void> => {
    await becomes(node, server.pid, "spare");
    assert.match(await explain(server.pid), path);
    assert.deepEqual((await sweep(node)).log, []);
    assert.equal(node.alive(server.pid), true);
  };
  /** An orphan by `list`'s word and by a sweep. */
  const isEnded = async (server: StandIn): Promise<void> => {
    await becomes(node, server.pid, "reap");
    assert.equal((await sweep(node)).status, 0);
    assert.equal(node.alive(server.pid), false);
  };

  it("ssh -R from the node to another host, through which the window comes in", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(node);
    const sshd = "/usr/sbin/sshd -D -e -p 2200 -o ListenAddress=10.9.0.2 -o PidFile=none";
    const relayHost = await node.spawn(far("sh", "-c", `exec ${sshd}`));
    await until(async () => assert.notEqual(await node.run(far("ss", "-Htln", "sport = :2200")), ""));
    const ssh = await start(
      `exec ssh -F none ${QUIET} -i ~/.ssh/bob -p 2200 -N -R 7000:127.0.0.1:${server.at} bob@10.9.0.2`,
    );
    await until(async () => assert.notEqual(await node.run(far("ss", "-Htln", "sport = :7000")), ""));
    assert.equal((await treeOf(node, server.pid)).verdict, "reap", "nothing has come through yet");
    const window = await node.spawn(far(...holdPort(7000)));
    await window.waitOutput(/hello/);
    await isUsed(server, new RegExp(`host 10\\.9\\.0\\.2 → ssh ${ssh} → server ${server.pid}`));
    window.kill("SIGKILL");
    await window.waitExit();
    relayHost.kill("SIGKILL");
    await isEnded(server);
  });

  const SOCAT: readonly { what: string; to: (server: StandIn) => string; args: readonly string[] }[] = [
    { what: "TCP", to: ({ at }) => `TCP:127.0.0.1:${at}`, args: [] },
    { what: "a unix socket", to: ({ at }) => `UNIX-CONNECT:${at}`, args: [`--socket-path=${SOCKET}`] },
  ];
  for (const { what, to, args } of SOCAT)
    it(`ssh to socat to ${what}`, async (t) => {
      if (!hasLoginNode(t)) return;
      const server = await startStandIn(node, { args });
      const port = node.nextPort();
      await start(`exec socat TCP-LISTEN:${port},fork,reuseaddr,bind=127.0.0.1 ${to(server)}`);
      await listening(port);
      assert.equal((await treeOf(node, server.pid)).verdict, "reap", "socat alone is not a client");
      const window = await attach(node, { at: `${port}` });
      await isUsed(server, new RegExp(`sshd-session \\d+ → socat1? \\d+ → server ${server.pid}`));
      await window.drop();
      await isEnded(server);
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
      const server = await startStandIn(node, { args: [`--socket-path=${SOCKET}`] });
      const ssh = await node.ssh("alice", relay(server.at));
      await ssh.waitOutput(/hello/);
      await isUsed(
        server,
        new RegExp(`sshd-session \\d+ → (?:\\w+ \\d+ → )?${program} \\d+ → server ${server.pid}`),
      );
      await ssh.close();
      await isEnded(server);
    });

  it("another host straight to a server that listens on the network", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(node, { args: ["--host=0.0.0.0"] });
    const client = await node.spawn(
      far("bash", "-c", `exec 3<>/dev/tcp/10.9.0.1/${server.at}; read -r line <&3; echo "$line"; read -r _`),
    );
    await client.waitOutput(/hello/);
    await isUsed(server, new RegExp(`host 10\\.9\\.0\\.2 → server ${server.pid}`));
    client.kill("SIGKILL");
    await client.waitExit();
    await isEnded(server);
  });

  it("a user's own sshd counts while another host is connected through it; a fake one never", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(node);
    const own = [
      "mkdir -p ~/bin; cp /usr/sbin/sshd ~/bin/sshd; cp /bin/bash ~/bin/fake-sshd; mkdir -p ~/fake",
      "mv ~/bin/fake-sshd ~/fake/sshd; [ -e ~/bin/key ] || ssh-keygen -q -t ed25519 -N '' -f ~/bin/key",
      "exec ~/bin/sshd -D -e -f /dev/null -h ~/bin/key -p 2222 -o PidFile=none -o UsePAM=no -o StrictModes=no",
    ];
    await start(own.join("\n"), /listening/);
    const fake = await start(`exec ~/fake/sshd -c ${quoted(holdScript(server.at))}`, /hello/);
    assert.equal((await treeOf(node, server.pid)).verdict, "reap", "the fake shields nothing");
    await node.run(["kill", "-KILL", "--", `-${fake}`]);
    const ssh = await node.spawn(
      far(
        "sh",
        "-c",
        `exec ssh -F none ${QUIET} -i /root/keys/alice -p 2222 -N -L 7001:127.0.0.1:${server.at} alice@10.9.0.1`,
      ),
    );
    await until(async () => assert.notEqual(await node.run(far("ss", "-Htln", "sport = :7001")), ""));
    const window = await node.spawn(far(...holdPort(7001)));
    await window.waitOutput(/hello/);
    await isUsed(server, new RegExp(`host 10\\.9\\.0\\.2 → sshd-session \\d+ → server ${server.pid}`));
    for (const each of [window, ssh]) {
      each.kill("SIGKILL");
      await each.waitExit();
    }
    await isEnded(server);
  });

  it("another user's program in the terminal leaves the whole tree alone, until it ends", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.copyIn("/etc/sudoers.d/alice", "alice ALL=(ALL) NOPASSWD: ALL\n", { mode: 0o440 });
    const pty = `python3 -c 'import pty; pty.spawn(["sudo", "sleep", "1000"])'`;
    const server = await startStandIn(node, { run: `${pty}; sleep 1000` });
    const tree = await becomes(node, server.pid, "exempt");
    assert.match(tree.reasons.join(), /has a program of uid 0 in its terminal \(sudo \d+\)/);
    assert.deepEqual((await sweep(node)).log, []);
    const sudo = /sudo (\d+)/.exec(tree.reasons.join())?.[1];
    assert.ok(sudo && node.alive(Number(sudo)));
    await node.run(["kill", "-KILL", sudo]);
    await isEnded(server);
  });

  it("an ssh server in the terminal leaves the whole tree alone", async (t) => {
    if (!hasLoginNode(t)) return;
    const run =
      "cp /usr/sbin/dropbear /home/alice/dropbear; dropbearkey -t ed25519 -f /home/alice/dk; /home/alice/dropbear -F -r /home/alice/dk -p 127.0.0.1:2203";
    const server = await startStandIn(node, { run });
    await becomes(node, server.pid, "exempt");
    assert.match(await explain(server.pid), /has an ssh server in its terminal \(dropbear \d+\)/);
    assert.deepEqual((await sweep(node)).log, []);
  });

  it("a window that reloads in the second of a sweep costs no tree; one that stays away does", async (t) => {
    if (!hasLoginNode(t)) return;
    await configure(node, 'grace = "3s"\ntermWait = "2s"\n');
    try {
      const server = await startStandIn(node);
      const window = await attach(node, server);
      await sleep(3500);
      assert.equal((await sweep(node)).status, 0);
      // It reloads: its ssh session stays.
      window.client.kill("SIGKILL");
      await window.client.waitExit();
      const tree = await becomes(node, server.pid, "wait");
      assert.match(tree.reasons.join(), /marked for a second look; the first sweep after \ds ends it/);
      assert.deepEqual((await sweep(node)).log, []);
      const again = await attach(node, server);
      await sleep(3500);
      assert.equal((await treeOf(node, server.pid)).verdict, "spare");
      await sweep(node);
      await again.drop();
      // The mark of before is gone with the use.
      await becomes(node, server.pid, "wait");
      await sweep(node);
      assert.equal(node.alive(server.pid), true);
      await sleep(3500);
      await sweep(node);
      assert.equal(node.alive(server.pid), false);
      await window.ssh.close();
    } finally {
      await configure(node, 'grace = "0"\ntermWait = "2s"\n');
    }
  });

  it("a client in another network namespace is unknown; a sandboxed program in the terminal is not in doubt", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(node, { args: [`--socket-path=${SOCKET}`] });
    const client = await node.spawn(far("socat", "-u", `UNIX-CONNECT:${SOCKET}`, "STDOUT"));
    await client.waitOutput(/hello/);
    const tree = await becomes(node, server.pid, "unknown");
    assert.match(tree.reasons.join(), /holds a socket that no list of sockets explains/);
    assert.deepEqual((await sweep(node)).log, []);
    client.kill("SIGKILL");
    await client.waitExit();
    await endAll(node);
    const sandbox = await startStandIn(node, { run: "unshare -rn sleep 1000" });
    await until(async () => assert.ok((await treeOf(node, sandbox.pid)).pids.length >= 2));
    await isEnded(sandbox);
  });

  it("a connection from the terminal to this very host, and back to the server, shields nothing", async (t) => {
    if (!hasLoginNode(t)) return;
    const [port, forward] = [node.nextPort(), node.nextPort()];
    const ssh = `ssh -F none ${QUIET} -i /home/alice/.ssh/id -N -L ${forward}:127.0.0.1:${port} alice@127.0.0.1`;
    const server = await startStandIn(node, { args: [`--port=${port}`], run: ssh });
    await listening(forward);
    const loop = await node.spawn(holdPort(forward));
    await loop.waitOutput(/hello/);
    await isEnded(server);
    loop.kill("SIGKILL");
    await loop.waitExit();
  });

  it("a tunnel that drives a server uses it", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(node);
    await node.run(["cp", "/bin/bash", "/usr/local/bin/code"]);
    await node.copyIn(
      "/home/alice/t/tunnel",
      `${holdScript(server.at).replace("sleep 1000", "read -r _ <&3")}\n`,
    );
    const tunnel = await start("cd ~/t; exec /usr/local/bin/code tunnel", /hello/);
    assert.equal((await treeOf(node, tunnel)).verdict, "exempt");
    await isUsed(
      server,
      new RegExp(`tunnel ${tunnel} \\(is a tunnel, reached without ssh\\) → server ${server.pid}`),
    );
    await node.run(["kill", "-KILL", `${tunnel}`]);
    await isEnded(server);
  });

  it("dropbear is a client's path", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.run([
      "sh",
      "-c",
      "mkdir -p /etc/dropbear; setsid dropbear -R -E -p 127.0.0.1:2201 </dev/null >/dev/null 2>&1",
    ]);
    await listening(2201);
    const server = await startStandIn(node);
    const port = node.nextPort();
    const ssh = `exec ssh -F none ${QUIET} -i /root/keys/alice -p 2201 -N -L ${port}:127.0.0.1:${server.at} alice@127.0.0.1`;
    const client = await node.spawn(["sh", "-c", ssh]);
    await listening(port);
    const window = await node.spawn(holdPort(port));
    await window.waitOutput(/hello/);
    await isUsed(server, new RegExp(`dropbear \\d+ → server ${server.pid}`));
    for (const each of [window, client]) {
      each.kill("SIGKILL");
      await each.waitExit();
    }
    await isEnded(server);
  });

  it("tinysshd is the host of a live server and of an orphan; the unit of its connection is no service", async (t) => {
    if (!hasLoginNode(t)) return;
    const unit = "/etc/systemd/system/tiny";
    await node.run([
      "sh",
      "-c",
      "mkdir -p /etc/tinyssh && [ -e /etc/tinyssh/k ] || tinysshd-makekey /etc/tinyssh/k",
    ]);
    await node.copyIn(`${unit}.socket`, "[Socket]\nListenStream=127.0.0.1:2202\nAccept=yes\n");
    await node.copyIn(
      `${unit}@.service`,
      "[Service]\nExecStart=-/usr/sbin/tinysshd -v /etc/tinyssh/k\nStandardInput=socket\nStandardError=journal\nKillMode=process\n",
    );
    await node.run(["sh", "-c", "systemctl daemon-reload && systemctl start tiny.socket"]);
    const server = await startStandIn(node, { args: [`--socket-path=${SOCKET}`] });
    const ssh = `exec ssh -F none ${QUIET} -T -i /root/keys/alice -p 2202 alice@127.0.0.1 nc -U ${SOCKET}`;
    const client = await node.spawn(["sh", "-c", ssh]);
    await client.waitOutput(/hello/);
    await isUsed(server, new RegExp(`tinysshd \\d+ → .*nc\\.openbsd \\d+ → server ${server.pid}`));
    client.kill("SIGKILL");
    await client.waitExit();
    await isEnded(server);
    // Started through tinysshd, and left behind in the unit of a connection.
    const node1 = "/home/alice/.vscode-server/bin/e18005f0f1b33c29e81d732535d8c0e47cafb0b5";
    const command = `setsid ${node1}/node ${node1}/out/server-main.js --start-server >/home/alice/tiny.log 2>&1 </dev/null &`;
    await node.run([
      "sh",
      "-c",
      `ssh -F none ${QUIET} -T -i /root/keys/alice -p 2202 alice@127.0.0.1 '${command}'`,
    ]);
    const pid = Number(
      (
        await until(async () => {
          const text = await node.read("/home/alice/tiny.log");
          assert.match(text, /^listening==/m);
          return text;
        })
      ).split("==")[1],
    );
    assert.match(node.proc(pid, "cgroup") ?? "", /tiny@[^/]*\.service/);
    await isEnded({ pid, at: "", shell: null });
  });
});
