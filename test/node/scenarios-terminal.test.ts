/** What is in an IDE's terminal, or was started there, and what it means for the tree. */

import assert from "node:assert/strict";
import { before, it } from "node:test";
import { onLoginNode } from "./available.ts";
import { QUIET, Reach } from "./reach.ts";
import { becomes, startStandIn, sweep } from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

/** Runs a command in a terminal, as the IDE does. */
const inTerminal = (command: string): string => `script -qefc ${quoted(command)} /dev/null; :`;

onLoginNode("in an IDE's terminal", () => {
  const reach = new Reach();

  before(async () => {
    await reach.node.copyIn("/etc/sudoers.d/alice", "alice ALL=(ALL) NOPASSWD: ALL\n", { mode: 0o440 });
    // What `NAME tunnel` runs: the first argument is a script in the working folder.
    await reach.node.copyIn("/home/alice/tunnels/tunnel", "sleep 1000\n:\n");
  });

  // sge_submit(1), salloc(1), srun(1); nios is what `bsub -I` leaves running, condor_ssh_to_job(1).
  const JOBS = ["qlogin", "qrsh", "qsh", "srun", "salloc", "nios", "condor_ssh_to_job"];
  const TUNNELS = ["code", "cursor", "codium", "windsurf", "positron"];
  const LEFT: readonly { what: string; run: string; reason: RegExp }[] = [
    {
      what: "another user's program",
      run: inTerminal("sudo -u bob sleep 7401"),
      reason: /has a program of uid 0 in its terminal \(sudo \d+\)/,
    },
    {
      what: "an ssh server",
      run: "cp /usr/sbin/dropbear ~/dropbear; dropbearkey -t ed25519 -f ~/dk; ~/dropbear -F -r ~/dk -p 127.0.0.1:2203",
      reason: /has an ssh server in its terminal \(dropbear \d+\)/,
    },
    {
      what: "ssh -R to another host",
      run: `ssh -F none ${QUIET} -i ~/.ssh/bob -p 2200 -N -R 7000:127.0.0.1:22 bob@10.9.0.2; :`,
      reason: /has a tunnel in its terminal \(ssh \d+\)/,
    },
    ...TUNNELS.map((name) => ({
      what: `${name} tunnel`,
      run: `cd ~/tunnels; /usr/local/bin/${name} tunnel; :`,
      reason: /has a tunnel in its terminal \(\S+ \d+\)/,
    })),
    ...JOBS.map((name) => ({
      what: `the job client ${name}`,
      run: `/usr/local/bin/${name} 7403; :`,
      reason: new RegExp(`holds a batch allocation \\(${name} \\d+\\)`),
    })),
  ];
  it("what would be lost with its terminal leaves the whole tree alone", async () => {
    for (const name of TUNNELS) await reach.node.run(["install", "/bin/bash", `/usr/local/bin/${name}`]);
    for (const name of JOBS) await reach.node.run(["install", "/usr/bin/sleep", `/usr/local/bin/${name}`]);
    await reach.sshdFar();
    const servers = [];
    for (const { run } of LEFT) servers.push(await startStandIn(reach.node, { run }));
    for (const [i, { what, reason }] of LEFT.entries()) {
      const tree = await becomes(reach.node, servers[i]?.pid ?? 0, "exempt");
      assert.match(tree.reasons.join(), reason, what);
    }
    assert.equal((await sweep(reach.node)).status, 0);
    for (const [i, { what }] of LEFT.entries()) assert.ok(reach.node.alive(servers[i]?.pid ?? 0), what);
    await reach.node.exec(["pkill", "-KILL", "-x", "sleep|sudo"]);
  });

  /** Programs that outlive a tree, each with the command line of what lives on. */
  const MULTIPLEXERS: readonly (readonly [name: string, program: string, args: string])[] = [
    ["screen", "/usr/bin/screen", "-D -m -S real sleep 7411"],
    ["screen-4.9.1", "/usr/bin/screen", "-D -m -S old sleep 7412"],
    ["tmux-3.4", "/usr/bin/tmux", "-L a -D"],
    ["tmux-static", "/usr/bin/tmux", "-L b -D"],
    ["dtach", "/usr/bin/dtach", "-N /tmp/dtach sleep 7415"],
    // These two are in no Debian package.
    ["zellij", "/bin/bash", '-c "sleep 7416; :"'],
    ["abduco", "/bin/bash", '-c "sleep 7417; :"'],
  ];
  const FREE = [
    "tmux -L daemon new-session -d 'exec sleep 7421'",
    "sudo sleep 7424 &",
    "sudo -u bob sleep 7425 &",
    "systemd-run --user --scope --quiet nohup sleep 7428 >/dev/null 2>&1 &",
    "systemd-run --user --quiet sleep 7429",
  ];
  // real/set-free shows the other ways to set a program free.
  it("multiplexers, what was set free and other users' programs outlive a forced sweep; the rest ends", async () => {
    const folder = "/home/alice/bin";
    // The user's systemd stays when the session that started it has closed.
    await reach.node.run(["loginctl", "enable-linger", "alice"]);
    for (const [name, program] of MULTIPLEXERS)
      await reach.node.run(["install", "-D", "-o", "alice", "-g", "alice", program, `${folder}/${name}`]);
    const inTmux = ["a", "b"].map((socket, i) => {
      const wait = `until [ -S /tmp/tmux-2001/${socket} ]; do sleep 0.05; done`;
      return `${wait}; tmux -L ${socket} new-session -d "exec sleep ${7413 + i}"`;
    });
    await reach.node.copyIn("/home/alice/terminal", [...FREE, "sleep 7431", ":"].join("\n"));
    const outside = [...MULTIPLEXERS.map(([name, , args]) => `${folder}/${name} ${args} &`), ...inTmux];
    const run = [...outside, inTerminal("bash /home/alice/terminal")].join("\n");
    const server = await startStandIn(reach.node, { run });
    const settings = "/home/alice/.vscode-server/data/Machine/settings.json";
    const editor = await reach.node.ssh("alice", ["vi", settings]);
    const numbers = [7411, 7412, 7413, 7414, 7415, 7416, 7417, 7421, 7424, 7425, 7428, 7429];
    const sleeping = (n: number) => reach.processOf(new RegExp(`^(?:/usr/bin/)?sleep ${n}$`));
    const free = await Promise.all(numbers.map(sleeping));
    const vi = await reach.processOf(/^vi .*settings\.json/);
    const ended = await reach.processOf(/^sleep 7431$/);
    const bobs = await startStandIn(reach.node, { user: "bob" });

    const swept = await sweep(reach.node, "--force", "--include-exempt", "--user", "alice");
    assert.equal(swept.status, 0, swept.stderr);
    for (const { pid } of [server, ended]) assert.equal(reach.node.alive(pid), false);
    for (const { pid, args } of [...free, vi]) assert.equal(reach.node.alive(pid), true, args);
    assert.equal(reach.node.alive(bobs.pid), true);
    await editor.close();
    await reach.node.exec(["pkill", "-KILL", "sleep|screen|tmux|dtach|zellij|abduco"]);
  });
});
