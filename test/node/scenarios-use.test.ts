/** What is connected to a server is use: one scenario with real programs for each kind of client. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { onLoginNode } from "./available.ts";
import { far, QUIET, Reach } from "./reach.ts";
import {
  attach,
  becomes,
  holdPort,
  holdScript,
  type StandIn,
  standInCommand,
  started,
  startStandIn,
  type Transport,
} from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

const SOCKET = "/home/alice/.vscode-server/server.sock";
const ON_SOCKET = [`--socket-path=${SOCKET}`];

type Stop = () => Promise<unknown>;

interface Kind {
  readonly what: string;
  /** Flags of the server, and what its terminal runs. */
  readonly args?: readonly string[];
  readonly run?: string;
  /** Starts a server that is in use from the start, in place of one that a session left behind. */
  readonly start?: () => Promise<StandIn>;
  /** Starts what uses the server; resolves with what ends that. */
  readonly use: (server: StandIn) => Promise<Stop>;
  readonly code: string;
  readonly says: RegExp;
  /** What `explain` shows of the way to the client. */
  readonly path?: RegExp;
  /** The server ends with what uses it. */
  readonly endsAlone?: boolean;
}

onLoginNode("what is connected to a server is use, until it ends:", () => {
  const reach = new Reach();

  const ssh =
    (transport: Transport, user = "alice") =>
    async (server: StandIn) =>
      (await attach(reach.node, server, { transport, user })).drop;
  /** A script of alice's on this host, below pid 1. */
  const loose = (script: (server: StandIn) => string, user?: string) => async (server: StandIn) => {
    const pid = await reach.loose(script(server), /hello/, user);
    return () => reach.endLoose(pid);
  };
  /** A client on another host. It leaves a byte unread, so that its end resets the connection, as a closed server's would. */
  const remote =
    (then: string) =>
    async ({ at }: StandIn): Promise<Stop> => {
      const connect = `import socket; s = socket.create_connection(("10.9.0.1", ${at}))`;
      const script = `${connect}; print(s.recv(5).decode(), flush=True); ${then}\ninput()`;
      const client = await reach.run(far("python3", "-c", script), /hello/);
      return () => reach.end(client);
    };
  /** alice's program on this host that listens for another host, and the window there. */
  const relayed =
    (listener: (server: StandIn, port: number) => string | Promise<string>) => async (server: StandIn) => {
      const port = reach.node.nextPort();
      const pid = await reach.loose(await listener(server, port));
      await reach.listening(port);
      const window = await reach.window(port, far, "10.9.0.1");
      return async () => {
        await reach.end(window);
        await reach.endLoose(pid);
      };
    };
  const forward = (port: number, server: StandIn, rest: string) =>
    `ssh -F none ${QUIET} -N -L ${port}:127.0.0.1:${server.at} ${rest}`;
  /** A window on this host through an ssh command of root's. */
  const through = async (port: number, command: string[]): Promise<Stop> => {
    const client = await reach.run(command);
    await reach.listening(port);
    const window = await reach.window(port);
    return () => reach.end(window, client);
  };
  const killed = async (pid: number) => reach.node.run(["kill", "-KILL", `${pid}`]);

  const SESSION = { code: "in-use-session", says: /in use: session sshd-session \d+/ };
  const HERE = { code: "in-use-this-host", says: /a process of this host is connected to / };
  const HOST = { code: "in-use-other-host", says: /host 10\.9\.0\.2\S* is connected to / };

  const KINDS: readonly Kind[] = [
    { what: "ssh -L to its port", use: ssh("-L port"), ...SESSION },
    { what: "ssh -D to a port of ::", args: ["--host=::"], use: ssh("-D"), ...SESSION },
    { what: "ssh -L to its unix socket", args: ON_SOCKET, use: ssh("-L socket"), ...SESSION },
    {
      what: "another user's ssh -L",
      use: ssh("-L port", "bob"),
      code: "in-use-other-user",
      says: /session sshd-session \d+ of uid 2002/,
    },
    {
      what: "an ssh session whose program was upgraded",
      use: async (server) => {
        const window = await attach(reach.node, server);
        const upgrade = 'for file; do cp -p "$file" "$file.new" && mv "$file.new" "$file"; done';
        await reach.node.run(["sh", "-c", upgrade, "sh", "/usr/sbin/sshd", "/usr/lib/openssh/sshd-session"]);
        return window.drop;
      },
      ...SESSION,
    },
    {
      what: "the standard streams of an ssh session above it",
      start: async () => {
        const session = await reach.node.ssh("alice", await standInCommand(reach.node));
        return started(async () => session.stdout());
      },
      use: async ({ pid }) => {
        const above = await reach.processOf(/^sshd-session: alice@notty/);
        assert.notEqual(above.pid, pid);
        return () => killed(above.pid);
      },
      ...SESSION,
    },
    {
      what: "an ssh session at the other end of its pipes, when its parent has ended",
      start: async () => {
        const command = (await standInCommand(reach.node)).map(quoted).join(" ");
        const session = await reach.node.ssh("alice", ["sh", "-c", `setsid -f ${command}`]);
        return started(async () => session.stdout());
      },
      use: async () => {
        const above = await reach.processOf(/^sshd-session: alice@notty/);
        return () => killed(above.pid);
      },
      ...SESSION,
    },
    {
      what: "dropbear",
      use: async (server) => {
        const listen = "exec dropbear -F -R -E -p 127.0.0.1:2201 </dev/null >/dev/null 2>&1";
        await reach.run(["sh", "-c", `mkdir -p /etc/dropbear; ${listen}`]);
        await reach.listening(2201);
        const port = reach.node.nextPort();
        const client = forward(port, server, "-i /root/keys/alice -p 2201 alice@127.0.0.1");
        return through(port, ["sh", "-c", `exec ${client}`]);
      },
      code: "in-use-session",
      says: /session dropbear \d+/,
    },
    {
      what: "the user's own sshd, with another host as its client",
      use: async (server) => {
        const own = [
          "mkdir -p ~/bin; cp /usr/sbin/sshd ~/bin/sshd; [ -e ~/bin/key ] || ssh-keygen -q -t ed25519 -N '' -f ~/bin/key",
          "exec ~/bin/sshd -D -e -f /dev/null -h ~/bin/key -p 2222 -o PidFile=none -o UsePAM=no -o StrictModes=no",
        ];
        await reach.loose(own.join("\n"), /listening/);
        const port = reach.node.nextPort();
        const client = forward(port, server, "-i /root/keys/alice -p 2222 alice@10.9.0.1");
        const running = await reach.run(far("sh", "-c", `exec ${client}`));
        await reach.listening(port, far);
        const window = await reach.window(port, far);
        return () => reach.end(window, running);
      },
      ...HERE,
      path: /host 10\.9\.0\.2:\d+ → sshd-session \d+ → server \d+/,
    },
    {
      what: "the user's own ssh -R to another host",
      use: async (server) => {
        const host = await reach.sshdFar();
        const back = `-R 7000:127.0.0.1:${server.at} bob@10.9.0.2`;
        const client = await reach.loose(`exec ssh -F none ${QUIET} -i ~/.ssh/bob -p 2200 -N ${back}`);
        await reach.listening(7000, far);
        const window = await reach.window(7000, far);
        return async () => {
          await reach.end(window, host);
          await reach.endLoose(client);
        };
      },
      ...HERE,
      path: /host 10\.9\.0\.2:\d+ → ssh \d+ → server \d+/,
    },
    {
      what: "socat over a pseudo terminal",
      use: relayed(({ at }, port) => {
        const inner = `EXEC:"socat - TCP\\:127.0.0.1\\:${at}",pty,raw,echo=0`;
        return `exec socat TCP-LISTEN:${port},bind=10.9.0.1,fork ${quoted(inner)}`;
      }),
      ...HERE,
    },
    {
      what: "nginx in a rootless namespace, whose worker has a subordinate uid",
      use: relayed(async ({ at }, port) => {
        const to = `listen 10.9.0.1:${port}; proxy_pass 127.0.0.1:${at};`;
        const config = [
          "daemon off; user www-data; pid nginx.pid; error_log stderr; worker_processes 1; events {}",
          `load_module /usr/lib/nginx/modules/ngx_stream_module.so; stream { server { ${to} } }`,
        ];
        await reach.node.copyIn("/home/alice/nginx/nginx.conf", `${config.reverse().join("\n")}\n`);
        await reach.node.run(["chown", "-R", "alice:", "/home/alice/nginx"]);
        return "exec unshare --user --map-auto --map-root-user /usr/sbin/nginx -p ~/nginx -c ~/nginx/nginx.conf";
      }),
      code: "in-use-other-user",
      says: /a process of uid \d{6,} is connected to /,
    },
    {
      what: "an IDE on a VNC desktop of the same host, through ssh to it",
      use: async (server) => {
        await reach.loose("exec Xvnc :7 -SecurityTypes None -localhost", /Listening for VNC/);
        const port = reach.node.nextPort();
        const tunnel = forward(port, server, "-i ~/.ssh/id alice@127.0.0.1");
        const wait = `until (: <>/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do sleep 0.05; done`;
        const script = `export DISPLAY=:7; xclock & ${tunnel} & ${wait}; ${holdScript(port)}`;
        const ide = await reach.loose(script, /hello/);
        return () => reach.endLoose(ide);
      },
      ...SESSION,
    },
    {
      what: "the display on which a program of its terminal shows a window",
      run: "until [ -S /tmp/.X11-unix/X8 ]; do sleep 0.05; done; DISPLAY=:8 xclock; sleep 1000",
      use: async () => {
        const display = await reach.loose("exec Xvnc :8 -SecurityTypes None -localhost", /Listening for VNC/);
        return () => reach.endLoose(display);
      },
      code: "in-use-display",
      says: /one of its programs shows a window on @?\/tmp\/\.X11-unix\/X8/,
    },
    { what: "another host", args: ["--host=0.0.0.0"], use: remote(""), ...HOST },
    {
      what: "another host that has closed its sending side and reads on",
      args: ["--host=0.0.0.0"],
      use: remote("s.shutdown(socket.SHUT_WR)"),
      ...HOST,
    },
    {
      what: "another host behind source NAT to this host's own address",
      args: ["--host=0.0.0.0"],
      use: async (server) => {
        const rules = [
          "add table ip nat1",
          "add chain ip nat1 input { type nat hook input priority 100; }",
          `add rule ip nat1 input tcp dport ${server.at} snat to 10.9.0.1`,
        ];
        await reach.node.run(["nft", rules.join("; ")]);
        const stop = await remote("")(server);
        return async () => {
          await stop();
          await reach.node.run(["nft", "delete table ip nat1"]);
        };
      },
      ...HERE,
    },
    {
      what: "a socket in the table of a thread alone",
      use: loose(({ at }) => {
        const lines = [
          "import os, socket, threading",
          "def work():",
          " os.unshare(os.CLONE_FILES)",
          ` s = socket.create_connection(("127.0.0.1", ${at})); print(s.recv(6).decode(), flush=True); s.recv(1)`,
          "threading.Thread(target=work).start()",
        ];
        return `exec python3 -c ${quoted(lines.join("\n"))}`;
      }),
      ...HERE,
    },
    {
      what: "a client of the relay that started it",
      start: async () => {
        const command = (await standInCommand(reach.node)).map(quoted).join(" ");
        const port = reach.node.nextPort();
        await reach.loose(`exec socat TCP-LISTEN:${port},bind=10.9.0.1,fork EXEC:${quoted(command)}`);
        await reach.listening(port);
        const window = await reach.run(far("socat", "-u", `TCP:10.9.0.1:${port}`, "-"), /listening==/);
        return started(async () => window.stdout().replaceAll("\r", ""));
      },
      use: async () => {
        const { pid } = await reach.processOf(/^socat -u TCP:10\.9\.0\.1/);
        return () => killed(pid);
      },
      endsAlone: true,
      ...HOST,
    },
    {
      what: "a tunnel",
      use: async ({ at }) => {
        await reach.node.run(["install", "/bin/bash", "/usr/local/bin/code"]);
        await reach.node.copyIn("/home/alice/t/tunnel", `${holdScript(at)}\n:\n`);
        const tunnel = await reach.loose("cd ~/t; exec /usr/local/bin/code tunnel", /hello/);
        return () => reach.endLoose(tunnel);
      },
      code: "in-use-exempt-tree",
      says: /tree \d+ \(is a tunnel, reached without ssh\) is connected to /,
    },
  ];

  for (const { what, args = [], run, start, use, code, says, path, endsAlone } of KINDS)
    it(what, async () => {
      const options = { args, ...(run !== undefined && { run }) };
      const server = await (start?.() ?? startStandIn(reach.node, options));
      if (!start) await becomes(reach.node, server.pid, "reap");
      const stop = await use(server);
      const tree = await reach.isLeft(server.pid, "spare", says);
      assert.equal(tree.reasonCode, code);
      if (path) assert.match(await reach.explain(server.pid), path);
      await stop();
      if (!endsAlone) await reach.isEnded(server);
    });

  const toSocket = (at: string) => ["socat", "-", `UNIX-CONNECT:${at}`];
  for (const [what, args, hold] of [
    ["a port", [], holdPort],
    ["a unix socket", ON_SOCKET, toSocket],
  ] as const)
    it(`a client that waits at ${what} of a stopped server`, async () => {
      const server = await startStandIn(reach.node, { args });
      await reach.node.run(["kill", "-STOP", `${server.pid}`]);
      await becomes(reach.node, server.pid, "reap");
      const client = await reach.run(hold(server.at));
      await reach.isLeft(server.pid, "spare", /is connected to /);
      // The kernel goes on counting it in the length of the queue.
      await reach.end(client);
      await reach.isEnded(server);
    });

  it("the client of one of two servers that are connected with each other uses both", async () => {
    const one = await startStandIn(reach.node);
    const two = await startStandIn(reach.node, { run: `${holdScript(one.at)}; :` });
    await becomes(reach.node, one.pid, "reap");
    const window = await attach(reach.node, two);
    await reach.isLeft(one.pid, "spare", /session/);
    await window.drop();
    await becomes(reach.node, two.pid, "reap");
    await reach.isEnded(one);
    assert.equal(reach.node.alive(two.pid), false);
  });
});
