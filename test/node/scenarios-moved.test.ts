/** Servers that lie elsewhere than in a home, and programs that only look as if they were servers. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import { repository } from "./boot.ts";
import { Reach } from "./reach.ts";
import {
  attach,
  becomes,
  COMMIT,
  list,
  type StandIn,
  standInCommand,
  started,
  startStandIn,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

const MOVED = "/scratch/alice/agent";
const IDLE = "setInterval(() => {}, 1000);\n";

describe("servers outside their usual folder", () => {
  const reach = new Reach();

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    const scratch = ["/scratch/alice", "/scratch/alice/home", MOVED];
    await reach.node.run(["install", "-d", "-o", "alice", "-g", "alice", ...scratch]);
    await reach.node.run(["ln", "-s", "/scratch/alice/home", "/home/alice/.vscode-server"]);
    await reach.node.copyIn("/etc/sudoers.d/alice", "alice ALL=(ALL) NOPASSWD: ALL\n", { mode: 0o440 });
  });

  const own = async (path: string, content: string | Buffer, mode = 0o755): Promise<string> => {
    await reach.node.copyIn(path, content, { owner: "alice:alice", mode });
    return path;
  };
  const copyOf = async (program: string, path: string): Promise<string> => {
    await reach.node.run(["install", "-D", "-o", "alice", "-g", "alice", program, path]);
    return path;
  };
  const isInNoTree = async (...pids: readonly number[]): Promise<void> => {
    const { trees } = await list(reach.node);
    for (const pid of pids)
      assert.deepEqual(
        trees.filter((tree) => tree.pids.includes(pid)),
        [],
      );
    await sweep(reach.node);
    for (const pid of pids) assert.equal(reach.node.alive(pid), true);
  };

  const PLACES = [
    {
      what: "behind a link to scratch",
      folder: `/home/alice/.vscode-server/bin/${COMMIT}`,
      exe: "/scratch/alice/home",
    },
    { what: "moved by VSCODE_AGENT_FOLDER", folder: `${MOVED}/bin/${COMMIT}`, exe: MOVED },
  ];
  for (const { what, folder, exe } of PLACES)
    it(`a server ${what} is tagged, spared while it is used, and ended`, async (t) => {
      if (!hasLoginNode(t)) return;
      const server = await startStandIn(reach.node, { folder });
      assert.equal(
        await reach.node.run(["readlink", `/proc/${server.pid}/exe`]),
        `${exe}/bin/${COMMIT}/node\n`,
      );
      await becomes(reach.node, server.pid, "reap", true);
      const window = await attach(reach.node, server);
      await reach.isUsed(server, /sshd-session \d+ → server \d+/);
      await window.drop();
      await reach.isEnded(server);
    });

  it("an extensionHost that outlived its server there is tagged, and no web server", async (t) => {
    if (!hasLoginNode(t)) return;
    const folder = `${MOVED}/bin/${COMMIT}`;
    await standInCommand(reach.node, { folder });
    await own(`${folder}/out/bootstrap-fork.js`, IDLE);
    const script = `setsid ${folder}/node ${folder}/out/bootstrap-fork --type=extensionHost </dev/null >/dev/null 2>&1 & echo =$!=; until readlink /proc/$!/exe | grep -q /node; do sleep 0.05; done`;
    const ssh = await reach.node.ssh("alice", null, { stdin: `${script}\n` });
    const pid = Number((await ssh.waitOutput(/=(\d+)=/))[1]);
    await ssh.waitExit();
    await becomes(reach.node, pid, "reap", true);
    await reach.isEnded({ pid });
  });

  it("the command-line program there is a hop, also when NFS has renamed it", async (t) => {
    if (!hasLoginNode(t)) return;
    const socket = `${MOVED}/server.sock`;
    const server = await startStandIn(reach.node, {
      folder: `${MOVED}/bin/${COMMIT}`,
      args: [`--socket-path=${socket}`],
    });
    const cli = await copyOf("/usr/bin/node", `${MOVED}/code-${COMMIT}`);
    await own(`${MOVED}/command-shell`, readFileSync(join(repository(), "test/node/cli-stand-in.cjs")));
    const script = `cd ${MOVED}; ${cli} command-shell --cli-data-dir ${MOVED}/cli --parent-process-id $$ --socket ${socket} & wait`;
    const ssh = await reach.node.ssh("alice", ["sh", "-c", script]);
    const port = (await ssh.waitOutput(/^listening==(\d+)==$/m))[1] as string;
    const window = await attach(reach.node, { at: port });
    const hop = /sshd-session \d+ → cli \d+ → server \d+/;
    await reach.isUsed(server, hop);
    await reach.node.run(["mv", cli, `${MOVED}/.nfs000000000a1b2c3d00000001`]);
    await reach.isUsed(server, hop);
    await window.drop();
    await ssh.close();
    await reach.isEnded(server);
  });

  it("a server that a session runs as another user is its user's own", async (t) => {
    if (!hasLoginNode(t)) return;
    const command = (await standInCommand(reach.node, { user: "bob" })).map(quoted).join(" ");
    const inner = `setsid ${command} >/home/bob/sudo.log 2>&1 </dev/null &`;
    const ssh = await reach.node.ssh("alice", null, { stdin: `sudo -n -u bob sh -c ${quoted(inner)}\n` });
    await ssh.waitExit();
    const server = await started(() => reach.node.read("/home/bob/sudo.log"));
    assert.equal(reach.node.status(server.pid)?.uid, 2002);
    // The hook tags what the session's user runs; without a tag two looks end it.
    assert.equal((await becomes(reach.node, server.pid, "reap")).tagged, false);
    const window = await attach(reach.node, server);
    await reach.isUsed(server, /sshd-session \d+ → server \d+$/m);
    await window.drop();
    await reach.isEnded(server);
  });

  const EXTENSION = "/home/alice/.vscode-server/extensions";

  it("a helper whose parent lives outside every tree is left alone until the parent ends", async (t) => {
    if (!hasLoginNode(t)) return;
    const helper = await copyOf("/usr/bin/sleep", `${EXTENSION}/x.y-1.0.0/bin/helper`);
    const parent = await reach.loose(`${helper} 7301; exit`);
    const pid = await pidOf(`${helper} 7301`);
    await reach.isLeft(pid, "spare", new RegExp(`its parent bash ${parent} lives`));
    await reach.node.run(["kill", "-KILL", `${parent}`]);
    await reach.isEnded({ pid });
  });

  it("a user's own jobs that run programs of an extension are in no tree", async (t) => {
    if (!hasLoginNode(t)) return;
    const claude = await copyOf(
      "/usr/bin/sleep",
      `${EXTENSION}/anthropic.claude-code-2.1.0/native-binary/claude`,
    );
    const debugpy = `${EXTENSION}/ms-python.debugpy-2025.0.0/bundled/libs/debugpy`;
    await own(`${debugpy}/__main__.py`, "import time\ntime.sleep(1000)\n");
    await own("/home/alice/train.py", "");
    await reach.loose(`nohup ${claude} 7302 & nohup python3 ${debugpy} train.py & wait`);
    await isInNoTree(await pidOf(`${claude} 7302`), await pidOf(`python3 ${debugpy} train.py`));
  });

  it("folders that are named like a server's and hold another program are in no tree", async (t) => {
    if (!hasLoginNode(t)) return;
    const script = "#!/bin/sh\nsleep 7303\n:\n";
    const mlflow = await own("/home/alice/.mlflow-server/bin/mlflow-server", script);
    const minecraft = await own("/home/alice/.minecraft-server/server.sh", script);
    const llama = await copyOf("/usr/bin/sleep", "/home/alice/.llama-server/bin/llama-server");
    await reach.loose(`sh ${mlflow} --port 5000 & sh ${minecraft} --port=25565 & ${llama} 7304 & wait`);
    const commands = [`sh ${mlflow} --port 5000`, `sh ${minecraft} --port=25565`, `${llama} 7304`];
    await isInNoTree(...(await Promise.all(commands.map(pidOf))));
  });

  const WEB = [
    { home: "/home/alice/.code-server", node: "lib/node", entry: "out/node/entry" },
    { home: "/home/alice/vscode", node: "node", entry: "out/server-main.js" },
    { home: "/home/alice/.openvscode-server", node: "node", entry: "out/server-main.js" },
  ];
  for (const { home, node, entry } of WEB)
    it(`a web server in ${home} is exempt`, async (t) => {
      if (!hasLoginNode(t)) return;
      const program = await copyOf("/usr/bin/node", `${home}/${node}`);
      await own(`${home}/${entry.replace(/(\.js)?$/, ".js")}`, IDLE);
      await reach.loose(`exec ${program} ${home}/${entry} --port 3000`);
      const pid = await pidOf(`${program} ${home}/${entry} --port 3000`);
      await reach.isLeft(pid, "exempt", /is a web server, reached without ssh/);
      assert.equal((await treeOf(reach.node, pid)).uid, 2001);
    });

  function pidOf(args: string): Promise<StandIn["pid"]> {
    return until(async () => {
      const found = (await reach.node.processes()).find((process) => process.args === args);
      assert.ok(found, `no process: ${args}`);
      return found.pid;
    });
  }
});
