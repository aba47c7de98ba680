/** What surrounds a server without using it, and hosts and ssh servers of other kinds. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode } from "./available.ts";
import { far, QUIET, Reach } from "./reach.ts";
import {
  attach,
  becomes,
  COMMIT,
  holdPort,
  holdScript,
  PROGRAM,
  standInCommand,
  started,
  startStandIn,
  treeOf,
} from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

describe("bystanders", () => {
  const reach = new Reach();

  it("a colleague's ssh -R proxy that an extension talks to shields nothing", async (t) => {
    if (!hasLoginNode(t)) return;
    const port = reach.node.nextPort();
    const proxy = await reach.node.ssh("bob", null, {
      options: ["-N", "-R", `127.0.0.1:${port}:127.0.0.1:22`],
    });
    await reach.listening(port);
    // sshd of the node answers at the other end.
    const run = `exec 3<>/dev/tcp/127.0.0.1/${port}; read -r line <&3; echo "$line" >/home/alice/talks; sleep 1000; :`;
    const server = await startStandIn(reach.node, { run });
    await until(async () => assert.match(await reach.node.read("/home/alice/talks"), /SSH-2/));
    await reach.isEnded(server);
    await proxy.close();
  });

  it("a headless browser that listens and was left behind shields nothing", async (t) => {
    if (!hasLoginNode(t)) return;
    const [port, browser] = [reach.node.nextPort(), "/home/alice/bin/chromium"];
    await reach.node.run(["install", "-D", "/usr/bin/socat", browser]);
    const listen = `setsid -f ${browser} TCP-LISTEN:${port},fork,reuseaddr "SYSTEM:echo hello; sleep 1000"`;
    const ready = `until (: <>/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do sleep 0.05; done`;
    const talk = holdScript(port);
    const server = await startStandIn(reach.node, {
      run: `${listen}; ${ready}; { ${talk}; } >/home/alice/debugs; :`,
    });
    await until(async () => assert.match(await reach.node.read("/home/alice/debugs"), /hello/));
    const hold = holdPort(port).map((word) => word.replace("127.0.0.1", "10.9.0.1"));
    await reach.run(far(...hold), /hello/);
    await reach.isEnded(server);
    await reach.node.exec(["pkill", "-KILL", "-u", "alice", "-x", "chromium"]);
  });

  it("an agent host that a session started and a tunnel drives is used", async (t) => {
    if (!hasLoginNode(t)) return;
    const folder = "/home/alice/.vscode-server";
    await standInCommand(reach.node);
    await reach.node.run(["install", "-o", "alice", "/usr/bin/node", `${folder}/code-${COMMIT}`]);
    await reach.node.run(["cp", `${folder}/bin/${COMMIT}/out/server-main.js`, `${folder}/agent`]);
    const log = "/home/alice/agent.log";
    const script = `cd ${folder}; setsid ${folder}/code-${COMMIT} agent host --port 0 >${log} 2>&1 </dev/null &\n`;
    assert.equal((await (await reach.node.ssh("alice", null, { stdin: script })).waitExit()).status, 0);
    const host = await started(() => reach.node.read(log));
    await becomes(reach.node, host.pid, "wait");
    await reach.node.run(["cp", "/bin/bash", "/usr/local/bin/code"]);
    await reach.node.copyIn("/home/alice/t/tunnel", `${holdScript(host.at)}\n:\n`);
    const tunnel = await reach.loose("cd ~/t; exec /usr/local/bin/code tunnel", /hello/);
    await reach.isUsed(
      host,
      new RegExp(`tunnel ${tunnel} \\(is a tunnel, reached without ssh\\) → .*${host.pid}`),
    );
    await reach.node.run(["kill", "-KILL", `${tunnel}`]);
    await becomes(reach.node, host.pid, "wait");
  });

  it("an sshd in a user namespace, on the streams of a session, is a way to a server", async (t) => {
    if (!hasLoginNode(t)) return;
    const namespaces = await reach.node.exec(["unshare", "-U", "true"], { user: "alice" });
    if (namespaces.status !== 0) return t.skip(`no user namespaces here: ${namespaces.stderr}`);
    await reach.node.run(["sh", "-c", "[ -e ~/key ] || ssh-keygen -q -t ed25519 -N '' -f ~/key"], {
      user: "alice",
    });
    const server = await startStandIn(reach.node);
    const port = reach.node.nextPort();
    const login = `ssh -F none ${QUIET} -i /root/keys/alice`;
    const sshd =
      "unshare -U --map-current-user /usr/sbin/sshd -i -f /dev/null -h ~/key -o UsePAM=no -o StrictModes=no";
    const proxy = `-o ProxyCommand=${quoted(`${login} alice@127.0.0.1 ${quoted(sshd)}`)}`;
    const ssh = await reach.run([
      "sh",
      "-c",
      `exec ${login} ${proxy} -N -L ${port}:127.0.0.1:${server.at} alice@inside`,
    ]);
    await reach.listening(port);
    const window = await reach.window(port);
    await reach.isUsed(server, /sshd-session \d+ → (?:[\w-]+ \d+ → )*sshd(?:-session)? \d+ → server \d+/);
    await reach.end(window, ssh);
    await reach.isEnded(server);
  });

  /** Runs a command in a cgroup as a container engine would make it. */
  const inContainer = (id: string, ...argv: string[]): string[] => {
    const folder = `/sys/fs/cgroup/docker-${id.repeat(64)}.scope`;
    const script = `mkdir -p ${folder}; echo $$ >${folder}/cgroup.procs; exec "$@"`;
    return ["sh", "-c", script, "sh", ...argv];
  };

  it("where sshd itself is in a container its logins are not managed by that container", async (t) => {
    if (!hasLoginNode(t)) return;
    const port = 2210;
    // Without PAM sshd refuses users whose password is locked.
    await reach.node.run(["usermod", "-p", "*", "alice"]);
    const options = `-D -e -p ${port} -o ListenAddress=127.0.0.1 -o PidFile=none -o UsePAM=no`;
    await reach.run(inContainer("a", "/usr/sbin/sshd", ...options.split(" ")));
    await reach.listening(port);
    const command = (await standInCommand(reach.node)).map(quoted).join(" ");
    const log = "/home/alice/container.log";
    const login = `ssh -F none ${QUIET} -i /root/keys/alice -p ${port} alice@127.0.0.1`;
    await reach.node.run(["sh", "-c", `${login} ${quoted(`setsid ${command} >${log} 2>&1 </dev/null &`)}`]);
    const server = await started(() => reach.node.read(log));
    assert.match(reach.node.proc(server.pid, "cgroup") ?? "", /docker-a{64}\.scope/);
    await reach.isEnded(server);
    // A container beside it is one.
    const asAlice = ["setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "--reset-env"];
    const start = `setsid ${command} >/home/alice/other.log 2>&1 </dev/null &`;
    await reach.node.run(inContainer("b", ...asAlice, "sh", "-c", start));
    const other = await started(() => reach.node.read("/home/alice/other.log"));
    assert.match(
      (await treeOf(reach.node, other.pid)).reasons.join(),
      /is managed by container docker-b{64}\.scope/,
    );
    await reach.survivesSweep(other.pid);
  });

  it("explain says to a user what only root can see", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node);
    const window = await attach(reach.node, server);
    const explain = await reach.node.run([PROGRAM, "explain", `${server.pid}`], { user: "alice" });
    assert.match(explain, /Verdict +unknown/);
    assert.match(explain, /client +unknown +.*only root can see who holds it/);
    await window.drop();
  });
});
