/** What is in an IDE's terminal, or was started there, and must not end with the tree. */

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import { Reach } from "./reach.ts";
import { becomes, standardLines, startStandIn, sweep } from "./scenario-helpers.ts";

describe("programs of a terminal", () => {
  const reach = new Reach();
  const processOf = (args: RegExp) =>
    until(async () => {
      const found = (await reach.node.processes()).find((process) => args.test(process.args));
      assert.ok(found, `no process: ${args}`);
      return found;
    });

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    await reach.node.copyIn("/etc/sudoers.d/alice", "alice ALL=(ALL) NOPASSWD: ALL\n", { mode: 0o440 });
    // What `NAME tunnel` runs: the first argument is a script in the working folder.
    await reach.node.copyIn("/home/alice/tunnels/tunnel", "sleep 1000\n:\n");
  });

  it("another user's program in the terminal leaves the whole tree alone, until it ends", async (t) => {
    if (!hasLoginNode(t)) return;
    const pty = `python3 -c 'import pty; pty.spawn(["sudo", "sleep", "1000"])'`;
    const server = await startStandIn(reach.node, { run: `${pty}; sleep 1000` });
    const tree = await becomes(reach.node, server.pid, "exempt");
    assert.match(tree.reasons.join(), /has a program of uid 0 in its terminal \(sudo \d+\)/);
    assert.deepEqual((await sweep(reach.node)).log, []);
    const sudo = /sudo (\d+)/.exec(tree.reasons.join())?.[1];
    assert.ok(sudo && reach.node.alive(Number(sudo)));
    await reach.node.run(["kill", "-KILL", sudo]);
    await reach.isEnded(server);
  });

  it("an ssh server in the terminal leaves the whole tree alone", async (t) => {
    if (!hasLoginNode(t)) return;
    const run =
      "cp /usr/sbin/dropbear /home/alice/dropbear; dropbearkey -t ed25519 -f /home/alice/dk; /home/alice/dropbear -F -r /home/alice/dk -p 127.0.0.1:2203";
    const server = await startStandIn(reach.node, { run });
    await becomes(reach.node, server.pid, "exempt");
    assert.match(await reach.explain(server.pid), /has an ssh server in its terminal \(dropbear \d+\)/);
    assert.deepEqual((await sweep(reach.node)).log, []);
  });

  for (const name of ["code", "cursor", "codium", "windsurf", "positron"])
    it(`${name} tunnel leaves the whole tree alone`, async (t) => {
      if (!hasLoginNode(t)) return;
      await reach.node.run(["install", "/bin/bash", `/usr/local/bin/${name}`]);
      const run = `cd /home/alice/tunnels; /usr/local/bin/${name} tunnel; :`;
      const server = await startStandIn(reach.node, { run });
      await reach.isLeft(server.pid, "exempt", /has a tunnel in its terminal \(\d+\)/);
    });

  it("su to another user leaves the whole tree alone", async (t) => {
    if (!hasLoginNode(t)) return;
    const pty = `python3 -c 'import pty; pty.spawn(["sudo", "su", "bob", "-c", "sleep 7401"])'; :`;
    const server = await startStandIn(reach.node, { run: pty });
    await processOf(/^sleep 7401$/);
    await reach.isLeft(server.pid, "exempt", /has a program of uid 0 in its terminal \(sudo \d+\)/);
    await reach.node.exec(["pkill", "-KILL", "-u", "bob", "-x", "sleep"]);
  });

  // sge_submit(1), salloc(1), srun(1); nios is what `bsub -I` leaves running, condor_ssh_to_job(1).
  const JOB_CLIENTS = ["qlogin", "qrsh", "qsh", "srun", "salloc", "nios", "condor_ssh_to_job"];
  it("a job client leaves the whole tree alone, under each name", async (t) => {
    if (!hasLoginNode(t)) return;
    for (const name of JOB_CLIENTS) {
      await reach.node.run(["install", "/usr/bin/sleep", `/usr/local/bin/${name}`]);
      const server = await startStandIn(reach.node, { run: `/usr/local/bin/${name} 7403; :` });
      await reach.isLeft(server.pid, "exempt", new RegExp(`holds a batch allocation \\(${name} \\d+\\)`));
      await reach.node.run(["kill", "-KILL", `${server.pid}`, `${server.shell}`]);
    }
  });

  const MULTIPLEXERS = [
    { name: "screen", program: "/usr/bin/screen", run: (exe: string) => `${exe} -D -m -S real sleep 7411` },
    {
      name: "screen-4.9.1",
      program: "/usr/bin/screen",
      run: (exe: string) => `${exe} -D -m -S old sleep 7412`,
    },
    { name: "tmux-3.4", program: "/usr/bin/tmux", run: (exe: string) => `${exe} -L a -D` },
    { name: "tmux-static", program: "/usr/bin/tmux", run: (exe: string) => `${exe} -L b -D` },
    { name: "dtach", program: "/usr/bin/dtach", run: (exe: string) => `${exe} -N /tmp/dtach sleep 7415` },
    // These two are in no Debian package.
    { name: "zellij", program: "/bin/bash", run: (exe: string) => `${exe} -c "sleep 7416; :"` },
    { name: "abduco", program: "/bin/bash", run: (exe: string) => `${exe} -c "sleep 7417; :"` },
  ];
  it("multiplexers under every name, and what runs in them, outlive the tree", async (t) => {
    if (!hasLoginNode(t)) return;
    const folder = "/home/alice/bin";
    for (const { name, program } of MULTIPLEXERS)
      await reach.node.run(["install", "-D", program, `${folder}/${name}`]);
    const lines = MULTIPLEXERS.map(({ name, run }) => `${run(`${folder}/${name}`)} &`);
    const inTmux = ["a", "b"].map(
      (socket, i) =>
        `until [ -S /tmp/tmux-2001/${socket} ]; do sleep 0.05; done; tmux -L ${socket} new-session -d "exec sleep ${7413 + i}"`,
    );
    const server = await startStandIn(reach.node, { run: [...lines, ...inTmux, "wait"].join("\n") });
    const sleeps = await Promise.all(
      MULTIPLEXERS.map((_, i) => processOf(new RegExp(`^sleep ${7411 + i}$`))),
    );
    await reach.isEnded(server);
    for (const { pid, args } of sleeps) assert.equal(reach.node.alive(pid), true, args);
    await reach.node.exec(["pkill", "-KILL", "-u", "alice", "sleep|screen|tmux|dtach|zellij|abduco"]);
  });

  it("a job that left the tree goes on with its steps while the tree is ended", async (t) => {
    if (!hasLoginNode(t)) return;
    // It starts a step each 50 ms, and the server takes 2 s to be ended, for its shell ignores SIGTERM.
    const job = "setsid -f bash -c 'while :; do sleep 0.05; echo step >>/home/alice/steps; done'";
    const server = await startStandIn(reach.node, { run: `${job}; trap "" TERM; sleep 1000; :` });
    const { pid } = await processOf(/^bash -c while/);
    await until(() => assert.equal(reach.node.status(pid)?.ppid, 1));
    const steps = async () => (await reach.node.read("/home/alice/steps")).length;
    const before = await until(async () => {
      const count = await steps();
      assert.ok(count > 0);
      return count;
    });
    const swept = await sweep(reach.node);
    assert.equal(swept.status, 0, swept.stderr);
    const { pids } = standardLines(swept.log, server.pid, 2001);
    assert.ok(pids.includes(server.shell as number) && !pids.includes(pid), swept.stderr);
    assert.equal(reach.node.alive(pid), true);
    const during = await steps();
    assert.ok(during > before);
    await until(async () => assert.ok((await steps()) > during, "the job goes on"));
    await reach.node.run(["kill", "-KILL", `${pid}`]);
  });
});
