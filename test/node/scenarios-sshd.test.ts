/** Ssh servers of other kinds and of users, as a client's path and as the host of orphans. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode } from "./available.ts";
import { far, QUIET, Reach } from "./reach.ts";
import { holdPort, holdScript, startStandIn, treeOf } from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

const SOCKET = "/home/alice/.vscode-server/server.sock";

describe("other ssh servers", () => {
  const reach = new Reach();

  it("a user's own sshd counts while another host is connected through it; a fake one never", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(reach.node);
    const own = [
      "mkdir -p ~/bin; cp /usr/sbin/sshd ~/bin/sshd; cp /bin/bash ~/bin/fake-sshd; mkdir -p ~/fake",
      "mv ~/bin/fake-sshd ~/fake/sshd; [ -e ~/bin/key ] || ssh-keygen -q -t ed25519 -N '' -f ~/bin/key",
      "exec ~/bin/sshd -D -e -f /dev/null -h ~/bin/key -p 2222 -o PidFile=none -o UsePAM=no -o StrictModes=no",
    ];
    await reach.loose(own.join("\n"), /listening/);
    const fake = await reach.loose(`exec ~/fake/sshd -c ${quoted(holdScript(server.at))}`, /hello/);
    assert.equal((await treeOf(reach.node, server.pid)).verdict, "reap", "the fake shields nothing");
    await reach.node.run(["kill", "-KILL", "--", `-${fake}`]);
    const ssh = await reach.node.spawn(
      far(
        "sh",
        "-c",
        `exec ssh -F none ${QUIET} -i /root/keys/alice -p 2222 -N -L 7001:127.0.0.1:${server.at} alice@10.9.0.1`,
      ),
    );
    await until(async () => assert.notEqual(await reach.node.run(far("ss", "-Htln", "sport = :7001")), ""));
    const window = await reach.node.spawn(far(...holdPort(7001)));
    await window.waitOutput(/hello/);
    await reach.isUsed(server, new RegExp(`host 10\\.9\\.0\\.2 → sshd-session \\d+ → server ${server.pid}`));
    for (const each of [window, ssh]) {
      each.kill("SIGKILL");
      await each.waitExit();
    }
    await reach.isEnded(server);
  });

  it("dropbear is a client's path", async (t) => {
    if (!hasLoginNode(t)) return;
    await reach.node.run([
      "sh",
      "-c",
      "mkdir -p /etc/dropbear; setsid dropbear -R -E -p 127.0.0.1:2201 </dev/null >/dev/null 2>&1",
    ]);
    await reach.listening(2201);
    const server = await startStandIn(reach.node);
    const port = reach.node.nextPort();
    const ssh = `exec ssh -F none ${QUIET} -i /root/keys/alice -p 2201 -N -L ${port}:127.0.0.1:${server.at} alice@127.0.0.1`;
    const client = await reach.node.spawn(["sh", "-c", ssh]);
    await reach.listening(port);
    const window = await reach.node.spawn(holdPort(port));
    await window.waitOutput(/hello/);
    await reach.isUsed(server, new RegExp(`dropbear \\d+ → server ${server.pid}`));
    for (const each of [window, client]) {
      each.kill("SIGKILL");
      await each.waitExit();
    }
    await reach.isEnded(server);
  });

  it("tinysshd is the host of a live server and of an orphan; the unit of its connection is not a service", async (t) => {
    if (!hasLoginNode(t)) return;
    const unit = "/etc/systemd/system/tiny";
    await reach.node.run([
      "sh",
      "-c",
      "mkdir -p /etc/tinyssh && [ -e /etc/tinyssh/k ] || tinysshd-makekey /etc/tinyssh/k",
    ]);
    await reach.node.copyIn(`${unit}.socket`, "[Socket]\nListenStream=127.0.0.1:2202\nAccept=yes\n");
    await reach.node.copyIn(
      `${unit}@.service`,
      "[Service]\nExecStart=-/usr/sbin/tinysshd -v /etc/tinyssh/k\nStandardInput=socket\nStandardError=journal\nKillMode=process\n",
    );
    await reach.node.run(["sh", "-c", "systemctl daemon-reload && systemctl start tiny.socket"]);
    const server = await startStandIn(reach.node, { args: [`--socket-path=${SOCKET}`] });
    const ssh = `exec ssh -F none ${QUIET} -T -i /root/keys/alice -p 2202 alice@127.0.0.1 nc -U ${SOCKET}`;
    const client = await reach.node.spawn(["sh", "-c", ssh]);
    await client.waitOutput(/hello/);
    await reach.isUsed(server, new RegExp(`tinysshd \\d+ → .*nc\\.openbsd \\d+ → server ${server.pid}`));
    client.kill("SIGKILL");
    await client.waitExit();
    await reach.isEnded(server);
    // Started through tinysshd, and left behind in the unit of a connection.
    const node1 = "/home/alice/.vscode-server/bin/e18005f0f1b33c29e81d732535d8c0e47cafb0b5";
    const command = `setsid ${node1}/node ${node1}/out/server-main.js --start-server >/home/alice/tiny.log 2>&1 </dev/null &`;
    await reach.node.run([
      "sh",
      "-c",
      `ssh -F none ${QUIET} -T -i /root/keys/alice -p 2202 alice@127.0.0.1 '${command}'`,
    ]);
    const pid = Number(
      (
        await until(async () => {
          const text = await reach.node.read("/home/alice/tiny.log");
          assert.match(text, /^listening==/m);
          return text;
        })
      ).split("==")[1],
    );
    assert.match(reach.node.proc(pid, "cgroup") ?? "", /tiny@[^/]*\.service/);
    await reach.isEnded({ pid });
  });
});
