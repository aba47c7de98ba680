/** Servers that lie elsewhere than in a home, run as another user or in a container, and what only looks like one. */

import assert from "node:assert/strict";
import { before, it } from "node:test";
import { onLoginNode } from "./available.ts";
import { QUIET, Reach } from "./reach.ts";
import { attach, becomes, COMMIT, standInCommand, started, startStandIn } from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

onLoginNode("what is a server's", () => {
  const reach = new Reach();
  const MOVED = "/scratch/alice/agent";

  before(async () => {
    const scratch = ["/scratch/alice", "/scratch/alice/home", MOVED];
    await reach.node.run(["install", "-d", "-o", "alice", "-g", "alice", ...scratch]);
    await reach.node.run(["ln", "-s", "/scratch/alice/home", "/home/alice/.vscode-server"]);
    await reach.node.copyIn("/etc/sudoers.d/alice", "alice ALL=(ALL) NOPASSWD: ALL\n", { mode: 0o440 });
  });

  const PLACES = [
    {
      what: "behind a link to scratch",
      folder: `/home/alice/.vscode-server/bin/${COMMIT}`,
      exe: "/scratch/alice/home",
    },
    { what: "moved by VSCODE_AGENT_FOLDER", folder: `${MOVED}/bin/${COMMIT}`, exe: MOVED },
  ];
  for (const { what, folder, exe } of PLACES)
    it(`a server ${what} is tagged, spared while it is used, and ended`, async () => {
      const server = await startStandIn(reach.node, { folder });
      const path = await reach.node.run(["readlink", `/proc/${server.pid}/exe`]);
      assert.equal(path, `${exe}/bin/${COMMIT}/node\n`);
      await becomes(reach.node, server.pid, "reap", true);
      const window = await attach(reach.node, server);
      await reach.isLeft(server.pid, "spare", /session/);
      await window.drop();
      await reach.isEnded(server);
    });

  it("a server that a session runs as another user belongs to both", async () => {
    const command = (await standInCommand(reach.node, { user: "bob" })).map(quoted).join(" ");
    const inner = `setsid ${command} >/home/bob/sudo.log 2>&1 </dev/null &`;
    // A close within the clock tick (10 ms) of the server's start does not tag it.
    const stdin = `sudo -n -u bob sh -c ${quoted(inner)}; sleep 0.1\n`;
    const ssh = await reach.node.ssh("alice", null, { stdin });
    await ssh.waitExit();
    const server = await started(() => reach.node.read("/home/bob/sudo.log"));
    assert.equal(reach.node.status(server.pid)?.uid, 2002);
    await becomes(reach.node, server.pid, "reap", true);
    const window = await attach(reach.node, server);
    await reach.isLeft(server.pid, "spare", /session/);
    await window.drop();
    await reach.isEnded(server);
  });

  it("a server that its user's systemd runs as a service is exempt; one in a scope is ended", async () => {
    await reach.node.run(["loginctl", "enable-linger", "alice"]);
    const command = (await standInCommand(reach.node)).map(quoted).join(" ");
    const start = (how: string, log: string, rest: string) =>
      `systemd-run --user --quiet ${how} sh -c ${quoted(`${rest} ${command} >~/${log} 2>&1 </dev/null`)}\n`;
    const stdin =
      start("--unit=ide", "service.log", "exec") + start("--scope", "scope.log", "exec setsid -f");
    assert.equal((await (await reach.node.ssh("alice", null, { stdin })).waitExit()).status, 0);
    const service = await started(() => reach.node.read("/home/alice/service.log"));
    const scope = await started(() => reach.node.read("/home/alice/scope.log"));
    assert.match(reach.node.proc(scope.pid, "cgroup") ?? "", /user@2001\.service\/.*\.scope$/m);
    await reach.isEnded(scope);
    await reach.isLeft(service.pid, "exempt", /is managed by ide\.service/);
  });

  /** Runs a command in a cgroup as a container engine would make it. */
  const inContainer = (id: string, ...argv: string[]): string[] => {
    const folder = `/sys/fs/cgroup/docker-${id.repeat(64)}.scope`;
    const script = `mkdir -p ${folder}; echo $$ >${folder}/cgroup.procs; exec "$@"`;
    return ["sh", "-c", script, "sh", ...argv];
  };
  it("what an sshd in a container starts; a container beside that one manages its own", async () => {
    // Without PAM sshd refuses users whose password is locked.
    await reach.node.run(["usermod", "-p", "*", "alice"]);
    const options = "-D -e -p 2210 -o ListenAddress=127.0.0.1 -o PidFile=none -o UsePAM=no";
    await reach.run(inContainer("a", "/usr/sbin/sshd", ...options.split(" ")));
    await reach.listening(2210);
    const command = (await standInCommand(reach.node)).map(quoted).join(" ");
    const start = (log: string) => `setsid ${command} >/home/alice/${log} 2>&1 </dev/null &`;
    const login = `ssh -F none ${QUIET} -i /root/keys/alice -p 2210 alice@127.0.0.1`;
    await reach.node.run(["sh", "-c", `${login} ${quoted(start("container.log"))}`]);
    const server = await started(() => reach.node.read("/home/alice/container.log"));
    assert.match(reach.node.proc(server.pid, "cgroup") ?? "", /docker-a{64}\.scope/);
    await reach.isEnded(server);
    const asAlice = ["setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "--reset-env"];
    await reach.node.run(inContainer("b", ...asAlice, "sh", "-c", start("other.log")));
    const other = await started(() => reach.node.read("/home/alice/other.log"));
    await reach.isLeft(other.pid, "exempt", /is managed by container docker-b{64}\.scope/);
  });
});
