/** Who passes for the ssh server, and who for a part of a tree. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import type { LoginNode } from "./login-node.ts";
import {
  attach,
  bootWithProduct,
  endAll,
  holdPort,
  holdScript,
  PROGRAM,
  startLoose,
  startStandIn,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

describe("what is taken for what", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() === null) node = await bootWithProduct();
  });
  after(() => node?.powerOff());
  afterEach(() => node && endAll(node));

  const verdict = async (pid: number) => (await treeOf(node, pid)).verdict;

  it("sshd is replaced by an upgrade, and then its monitor is killed: spare", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await startStandIn(node);
    const window = await attach(node, server);
    const { monitor, child } = await window.ssh.session();
    const upgrade = 'for file; do cp -p "$file" "$file.new" && mv "$file.new" "$file"; done';
    await node.run(["sh", "-c", upgrade, "sh", "/usr/sbin/sshd", "/usr/lib/openssh/sshd-session"]);
    assert.match(await node.run(["readlink", `/proc/${child}/exe`]), / \(deleted\)$/m);
    assert.equal(await verdict(server.pid), "spare");
    await node.run(["kill", "-KILL", `${monitor}`]);
    await until(() => assert.equal(node.alive(monitor), false));
    assert.equal(await verdict(server.pid), "spare");
    await sweep(node);
    assert.equal(node.alive(server.pid), true);
    await window.drop();
  });

  it("ssh is served by a program of another name: nothing is ended until the site names it", async (t) => {
    if (!hasLoginNode(t)) return;
    const names = ["/usr/sbin/siteshd", "/usr/lib/openssh/siteshd-session"];
    await node.run([
      "sh",
      "-c",
      `cp /usr/sbin/sshd ${names[0]}; cp /usr/lib/openssh/sshd-session ${names[1]}`,
    ]);
    await node.run(["systemctl", "stop", "ssh.service"]);
    await node.run(["mkdir", "-p", "/run/sshd"]);
    const daemon = await node.spawn([`${names[0]}`, "-D", "-o", `SshdSessionPath=${names[1]}`]);
    await until(async () => assert.notEqual(await node.run(["ss", "-Htln", "sport = :22"]), ""));
    const server = await startStandIn(node);
    const port = node.nextPort();
    const options = ["-N", "-L", `127.0.0.1:${port}:127.0.0.1:${server.at}`];
    const ssh = await node.ssh("alice", null, { options });
    await until(async () => assert.notEqual(await node.run(["ss", "-Htln", `sport = :${port}`]), ""));
    const client = await node.spawn(holdPort(port));
    await client.waitOutput(/hello/);

    assert.equal(await verdict(server.pid), "unknown");
    assert.match(await node.run([PROGRAM, "explain", `${server.pid}`]), /another user's process is a client/);
    await sweep(node);
    assert.equal(node.alive(server.pid), true);
    const dropIn = "/etc/vscode-grim-reaper/config.d/ssh.toml";
    await node.copyIn(dropIn, '[catalogue]\nsshd = ["siteshd", "siteshd-session"]\n');
    assert.equal(await verdict(server.pid), "spare");
    assert.equal((await sweep(node)).status, 0);
    assert.equal(node.alive(server.pid), true);

    client.kill("SIGKILL");
    await client.waitExit();
    await ssh.close();
    daemon.kill("SIGTERM");
    await daemon.waitExit();
    await node.run(["rm", ...names, dropIn]);
    await node.run(["systemctl", "start", "ssh.service"]);
  });

  const AS_SSHD = "/home/alice/bin/sshd";
  const NAMESPACE = 'mount --bind "$0" /usr/sbin/sshd && exec /usr/sbin/sshd "$@"';
  const IMPOSTORS: readonly { what: string; argv: (hold: string[]) => string[] }[] = [
    { what: "named sshd in a home", argv: (hold) => hold },
    {
      what: "titled like sshd",
      argv: ([, ...rest]) => ["bash", "-c", 'exec -a "$@"', "", "sshd: alice [priv]", "bash", ...rest],
    },
    {
      what: "bound over /usr/sbin/sshd in a user namespace",
      argv: ([, ...rest]) => ["unshare", "-Urm", "bash", "-c", NAMESPACE, AS_SSHD, ...rest],
    },
  ];
  for (const { what, argv } of IMPOSTORS)
    it(`a program of the user's own, ${what}, shields no orphan`, async (t) => {
      if (!hasLoginNode(t)) return;
      await node.run(["install", "-D", "-o", "alice", "/bin/bash", AS_SSHD]);
      const namespaces = await node.exec(["unshare", "-Urm", "true"], { user: "alice" });
      if (what.includes("namespace") && namespaces.status !== 0)
        return t.skip(`no user namespaces here: ${namespaces.stderr}`);
      const server = await startStandIn(node);
      const command = argv([AS_SSHD, "-c", holdScript(server.at)])
        .map(quoted)
        .join(" ");
      const impostor = await startLoose(node, "alice", `exec ${command}`, /hello/);
      assert.equal(await verdict(server.pid), "reap");
      await sweep(node);
      assert.equal(node.alive(server.pid), false);
      await node.exec(["kill", "-KILL", "--", `-${impostor}`]);
    });

  it("a terminal's tmux, an editor and other users' processes outlive a forced sweep", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.copyIn("/etc/sudoers.d/test", "alice ALL=(ALL) NOPASSWD: ALL\n", { mode: 0o440 });
    const settings = "/home/alice/.vscode-server/data/Machine/settings.json";
    await node.copyIn(settings, "{}\n", { owner: "alice:alice" });
    const terminal = [
      "tmux -L daemon new-session -d 'exec sleep 7001'",
      "tmux -L below -D & until [ -S /tmp/tmux-2001/below ]; do sleep 0.05; done",
      "tmux -L below new-session -d 'exec sleep 7002'",
      "sudo sleep 7003 & sudo -u bob sleep 7004 & sleep 7005 & wait",
    ].join("\n");
    const server = await startStandIn(node, { run: terminal });
    const editor = await node.ssh("alice", ["vi", settings]);
    const other = await startStandIn(node, { user: "bob" });
    const guest = await attach(node, other, { user: "bob" });

    const spared = /^(?:sleep 700[1-4]|vi .*settings\.json|tmux -L (?:daemon|below) .*)$/;
    const those = async () =>
      (await node.processes())
        .filter(({ args }) => spared.test(args))
        .map(({ pid, args }) => `${pid} ${args}`);
    await until(async () => {
      const text = (await those()).join("\n");
      for (const needed of [/7001/, /7002/, /7003/, /7004/, /settings/, /-L daemon/, /-L below -D/])
        assert.match(text, needed);
    });
    const before = await those();
    const tree = await treeOf(node, server.pid);
    assert.ok(tree.sparedBelow.length >= 3, JSON.stringify(tree.sparedBelow));

    const swept = await sweep(node, "--force", "--user", "alice");
    assert.equal(swept.status, 0, swept.stderr);
    assert.equal(node.alive(server.pid), false);
    assert.equal(
      (await node.processes()).some(({ args }) => args === "sleep 7005"),
      false,
    );
    assert.deepEqual(await those(), before);
    assert.equal(node.alive(other.pid), true);
    assert.match(await node.run([PROGRAM, "explain", `${other.pid}`]), /Verdict {2}spare/);
    await editor.close();
    await guest.drop();
    for (const socket of ["daemon", "below"])
      await node.exec(["tmux", "-L", socket, "kill-server"], { user: "alice" });
  });
});
