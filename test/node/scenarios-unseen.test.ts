/** Clients whose path no socket of this host shows as a whole: pipes, terminals, datagrams, proxies of other users. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode } from "./available.ts";
import { far, QUIET, Reach } from "./reach.ts";
import { attach, becomes, holdPort, type StandIn, startStandIn } from "./scenario-helpers.ts";

const SOCKET = "/home/alice/.vscode-server/server.sock";
const ON_SOCKET = { args: [`--socket-path=${SOCKET}`] };

describe("clients whose path no socket shows as a whole", () => {
  const reach = new Reach();

  const CONFIG = [
    "Host gateway relayhost\n HostName 10.9.0.2\n Port 2200\n User bob\n IdentityFile ~/.ssh/bob",
    " StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n BatchMode yes",
    "Host relayhost\n ProxyJump gateway",
  ];
  /** alice's reverse tunnel through a jump host, from port 7022 of the other host; its first process ends. */
  const tunnel = async (target: string): Promise<number> => {
    await reach.node.copyIn("/home/alice/config", `${CONFIG.join("\n")}\n`, { owner: "alice" });
    const sshd = "exec /usr/sbin/sshd -D -e -p 2200 -o ListenAddress=10.9.0.2 -o PidFile=none";
    await reach.run(far("sh", "-c", sshd));
    await reach.listening(2200, far);
    const pid = await reach.loose(`ssh -F ~/config -f -N -R 7022:${target} relayhost; exec sleep 1000`);
    await reach.listening(7022, far);
    return pid;
  };

  it("ssh -f -R through a jump host to the node's own ssh server", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node);
    await tunnel("127.0.0.1:22");
    await becomes(reach.node, server.pid, "reap");
    const forward = `-N -L 7001:127.0.0.1:${server.at} -p 7022 alice@127.0.0.1`;
    const laptop = await reach.run(
      far("sh", "-c", `exec ssh -F none ${QUIET} -i /root/keys/alice ${forward}`),
    );
    await reach.listening(7001, far);
    const window = await reach.window(7001, far);
    await reach.isUsed(server, /host 10\.9\.0\.2 → ssh \d+ → ssh \d+ → sshd-session \d+ → server \d+/);
    await reach.end(window, laptop);
    await reach.isEnded(server);
  });

  it("ssh -f -R through a jump host straight to the server", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node);
    await tunnel(`127.0.0.1:${server.at}`);
    const window = await reach.window(7022, far);
    await reach.isUsed(server, /host 10\.9\.0\.2 → ssh \d+ → ssh \d+ → server \d+/);
    await reach.end(window);
    await reach.isEnded(server);
  });

  it("a relay on the streams of a session, whose parent has ended", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node, ON_SOCKET);
    const ssh = await reach.node.ssh("alice", ["sh", "-c", `setsid -f nc -U ${SOCKET}; exec sleep 1000`]);
    await ssh.waitOutput(/hello/);
    await reach.isUsed(server, /sshd-session \d+ → nc\.openbsd \d+ → server \d+/);
    await ssh.close();
    await reach.isEnded(server);
  });

  it("a relay in a screen that was attached again", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node, ON_SOCKET);
    const nc = await reach.loose(`screen -D -m -S relay nc -U ${SOCKET}`);
    await until(async () =>
      assert.match(await reach.node.run(["screen", "-ls"], { user: "alice" }), /Detached/),
    );
    await becomes(reach.node, server.pid, "reap");
    const attachIt = ["env", "TERM=xterm", "screen", "-r", "relay"];
    const ssh = await reach.node.ssh("alice", attachIt, { options: ["-tt"] });
    await reach.isUsed(
      server,
      /sshd-session \d+ → (?:\w+ \d+ → )?screen \d+ → screen \d+ → nc\.openbsd \d+ → server/,
    );
    await ssh.close();
    await reach.isEnded(server);
    await reach.endLoose(nc);
  });

  it("a relay over UDP, as mosh and QUIC are: in doubt as long as it runs", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node, ON_SOCKET);
    const relay = await reach.loose(
      `exec python3 -c '${[
        "import socket",
        "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        'udp.bind(("0.0.0.0", 8084)); print("bound", flush=True)',
        `unix = socket.socket(socket.AF_UNIX); unix.connect("${SOCKET}")`,
        "who = udp.recvfrom(100)[1]; udp.sendto(unix.recv(100), who); udp.recvfrom(100)",
      ].join("\n")}'`,
      /bound/,
    );
    const window = await reach.run(far("socat", "-", "UDP:10.9.0.1:8084"));
    window.stdin.write("\n");
    await window.waitOutput(/hello/);
    await reach.isLeft(server.pid, "unknown", /nothing shows who sends to its UDP socket/);
    await reach.end(window);
    await reach.endLoose(relay);
    await reach.isEnded(server);
  });

  it("a relay behind a proxy that another user runs", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node);
    const [inner, outer] = [reach.node.nextPort(), reach.node.nextPort()];
    const relay = (port: number, host: string, to: string) =>
      `exec socat TCP-LISTEN:${port},fork,reuseaddr,bind=${host} TCP:127.0.0.1:${to}`;
    await reach.loose(relay(inner, "127.0.0.1", server.at));
    await reach.loose(relay(outer, "10.9.0.1", `${inner}`), undefined, "bob");
    await reach.listening(outer);
    const hold = holdPort(outer).map((word) => word.replace("127.0.0.1", "10.9.0.1"));
    const window = await reach.run(far(...hold), /hello/);
    await reach.isLeft(
      server.pid,
      "unknown",
      /another user's process is a client, and nothing shows whom that serves/,
    );
    await reach.end(window);
    await reach.isEnded(server);
  });

  const NAMED: readonly { what: string; server: StandIn["at"]; via: "-L port" | "-L socket" }[] = [
    { what: "an abstract unix socket", server: "abstract", via: "-L port" },
    { what: "a port of both families", server: "dual", via: "-L port" },
  ];
  for (const { what, server: kind, via } of NAMED)
    it(`ssh to a server on ${what}`, async (t) => {
      if (!hasLoginNode(t)) return;
      const args = kind === "dual" ? ["--host=::"] : ["--socket-path=@reaper-test"];
      const server = await startStandIn(reach.node, { args });
      const port = reach.node.nextPort();
      if (kind === "abstract") {
        await reach.loose(`exec socat TCP-LISTEN:${port},fork,bind=127.0.0.1 ABSTRACT-CONNECT:reaper-test`);
        await reach.listening(port);
      }
      const window = await attach(reach.node, kind === "dual" ? server : { at: `${port}` }, {
        transport: via,
      });
      await reach.isUsed(server, /sshd-session \d+ → .*server \d+/);
      await window.drop();
      await reach.isEnded(server);
    });
});
