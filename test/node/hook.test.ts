/** The session-close hook and its tags, with real logins, on a real PAM stack. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import { repository } from "./boot.ts";
import {
  bootWithHook,
  configure,
  endServer,
  faultsOfHook,
  logOut,
  SESSION_CLOSED,
  saidAt,
  startTimeOf,
  sweep,
  sweepByUnit,
  TAGS,
  tagFiles,
  tagOf,
  treeOf,
  type Visit,
  visit,
  waitForTag,
} from "./hook-helpers.ts";
import type { LoginNode } from "./login-node.ts";
import { realServerLayer, startLegacyServer } from "./real-server.ts";
import { quoted } from "./ssh-client.ts";

const ALICE = 2001;

describe("the session-close hook", () => {
  let node: LoginNode;
  let layer: string;

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    layer = await realServerLayer();
    node = await bootWithHook(layer);
  });
  after(() => node?.powerOff());

  /** The session goes on without its monitor; when it ends, no process is left to run the PAM stack. */
  async function closeWithoutMonitor({ ssh, session }: Visit): Promise<void> {
    await node.run(["kill", "-KILL", `${session.monitor}`]);
    await until(() => assert.equal(node.alive(session.monitor), false));
    assert.equal(node.alive(session.child), true);
    await ssh.close();
    await until(() => assert.equal(node.alive(session.child), false));
  }

  /** A new window on a tree that was left: a connection through a session of its own. */
  async function attach({ user, port }: Visit): Promise<{ leave(): Promise<void> }> {
    const local = node.nextPort();
    const forward = ["-N", "-L", `127.0.0.1:${local}:127.0.0.1:${port}`];
    const ssh = await node.ssh(user, null, { options: forward });
    await ssh.session();
    const connect = `require("node:net").connect(${local}, "127.0.0.1", () => console.log("connected"))`;
    const client = await node.spawn(["node", "-e", connect]);
    await client.waitOutput(/connected/);
    return {
      leave: async () => {
        client.kill("SIGKILL");
        await ssh.close();
      },
    };
  }

  interface Way {
    readonly name: string;
    readonly cuttable?: boolean;
    /** What sshd's monitor says when it learns of the end. */
    readonly said: RegExp;
    readonly close: (visit: Visit) => Promise<unknown>;
  }
  const ways: Way[] = [
    { name: "exit", said: SESSION_CLOSED, close: logOut },
    {
      name: "the client killed",
      said: SESSION_CLOSED,
      close: async ({ ssh }) => assert.equal(ssh.kill("SIGKILL"), true),
    },
    {
      name: "the network cut",
      cuttable: true,
      said: SESSION_CLOSED,
      close: ({ ssh }) => ssh.cut(),
    },
    {
      name: "the sshd child killed",
      said: SESSION_CLOSED,
      close: ({ session }) => node.run(["kill", "-KILL", `${session.child}`]),
    },
  ];

  for (const { name, cuttable = false, said, close } of ways) {
    it(`tags what a session leaves within a second: ${name}`, async (t) => {
      if (!hasLoginNode(t)) return;
      const server = await visit(node, "alice", { cuttable });
      assert.deepEqual(tagFiles(node), []);
      const before = Date.now();
      await close(server);
      const tag = await waitForTag(node, server, 20_000);
      const seenAt = Date.now();
      const closed = await saidAt(node, server.session.monitor, said);
      // A cut is known to sshd when it gives the client up, and the child that does so says it first.
      const from = cuttable
        ? await saidAt(node, server.session.child, /^Timeout, client not respond/)
        : before;
      t.diagnostic(
        `after the end of the client ${(seenAt - from).toFixed(0)} ms, after PAM's close ${(seenAt - closed).toFixed(0)} ms`,
      );
      assert.ok(seenAt - from < 1000, `the tag came ${seenAt - from} ms after the close`);
      assert.ok(
        tag.closedAt >= Math.floor(from) && tag.closedAt <= seenAt,
        `${from} ${tag.closedAt} ${seenAt}`,
      );

      const { closedAt, closedUptime, ...rest } = tag;
      assert.ok(closedUptime > 0);
      assert.deepEqual(rest, {
        schemaVersion: 1,
        bootId: (await node.read("/proc/sys/kernel/random/boot_id")).trim(),
        uid: ALICE,
        root: { pid: server.pid, startTime: server.startTime },
        auditSession: server.session.auditSession,
        logindSession: server.session.logindSession,
        product: "vscode",
        remoteHost: server.ssh.address,
      });
      const tree = await treeOf(node, server);
      const { verdict, tagged, remoteHost } = tree;
      assert.deepEqual(
        { verdict, tagged, remoteHost, closedAt: tree.closedAt },
        {
          verdict: "wait",
          tagged: true,
          remoteHost: server.ssh.address,
          closedAt: new Date(closedAt).toISOString(),
        },
      );
      await sweep(node);
      assert.deepEqual(tagOf(node, server), tag);
      assert.equal(node.alive(server.pid), true);

      await endServer(node, server);
      await sweep(node);
      assert.deepEqual(tagFiles(node), [], "the tag of a process that is gone");
      server.ssh.kill("SIGKILL");
      await server.ssh.waitExit();
    });
  }

  it("tags every tree of the user, whichever session started it, and no tree of another user", async (t) => {
    if (!hasLoginNode(t)) return;
    const first = await visit(node, "alice");
    const second = await visit(node, "alice", { directory: ".cursor-server" });
    const bobs = await visit(node, "bob");
    await logOut(second);
    const tag = await waitForTag(node, second);
    assert.equal(tag.product, "cursor");
    const early = await waitForTag(node, first);
    assert.equal(early.auditSession, second.session.auditSession);
    assert.equal(tagOf(node, bobs), undefined);
    // The later close overwrites.
    await logOut(first);
    await until(() => assert.equal(tagOf(node, first)?.auditSession, first.session.auditSession));
    assert.ok((tagOf(node, first)?.closedUptime ?? 0) > early.closedUptime);
    await bobs.ssh.close();
    for (const left of [first, second, bobs]) await endServer(node, left);
    await until(() => assert.equal(node.alive(bobs.session.monitor), false));
    await sweep(node);
    assert.deepEqual(tagFiles(node), []);
  });

  it("the unit's sweep waits for the grace of the tag, ends a real server after it, and removes the tag", async (t) => {
    if (!hasLoginNode(t)) return;
    const grace = 6_000;
    await configure(node, `grace = "${grace / 1000}s"\n`);
    const server = await startLegacyServer(node, layer);
    const { monitor } = await server.ssh.session();
    // Older than the grace: an untagged sweep would end it at once.
    const started = performance.now();
    await until(() => assert.ok(performance.now() - started > grace), { timeoutMs: 2 * grace });
    // Where tmpfiles has made no directory, the hook does, and the unit's sandbox works with that one.
    await node.run(["rm", "-rf", "/run/vscode-grim-reaper"]);
    await server.ssh.close();
    // The hook sees executables: its root is node, below the launcher that the sweep finds.
    const tag = await waitForTag(node, {
      pid: server.mainPid,
      startTime: startTimeOf(node, server.mainPid),
      port: 0,
    });
    await saidAt(node, monitor, SESSION_CLOSED);
    assert.equal(await sweepByUnit(node), "");
    assert.ok(Date.now() - tag.closedAt < grace, "the machine is too slow for this grace");
    assert.equal(node.alive(server.mainPid), true);
    const { root, verdict, tagged, reasons } = await treeOf(node, { pid: server.mainPid });
    assert.deepEqual(
      { pid: root.pid, verdict, tagged },
      { pid: server.rootPid, verdict: "wait", tagged: true },
    );
    assert.match(reasons.join(), /the session closed \d+s? ago, inside the grace of 6/);

    await until(() => assert.ok(Date.now() - tag.closedAt > grace), { timeoutMs: 2 * grace });
    const log = await sweepByUnit(node);
    assert.match(
      log,
      new RegExp(
        `^\\[[-\\dT:]{19}\\] Killed \\d+ process\\(es\\) under pid ${server.rootPid} \\(uid ${ALICE}\\)\n`,
      ),
    );
    assert.equal(node.alive(server.mainPid), false);
    assert.deepEqual(tagFiles(node), []);
    assert.equal(
      await node.run(["stat", "-c", "%a %U %G", "/run/vscode-grim-reaper", TAGS]),
      "770 root vscode-grim-reaper\n770 root vscode-grim-reaper\n",
    );
    await configure(node, "");
  });

  it("the unit writes its lock and marks beside the tags, and finds them again", async (t) => {
    if (!hasLoginNode(t)) return;
    await configure(node, 'grace = "1s"\nuntagged = "two-looks"\n');
    const server = await visit(node, "carol");
    await closeWithoutMonitor(server);
    await until(async () =>
      assert.match((await treeOf(node, server)).reasons.join(), /marked for a second look/),
    );
    // Younger than its grace a tree gets no mark.
    await sleep(1100);
    await sweepByUnit(node);
    assert.match(await node.run(["ls", "-A", "/run/vscode-grim-reaper"]), /^lock\n(?:.*\n)*tags\n$/);
    await until(async () => assert.equal((await treeOf(node, server)).verdict, "reap"));
    assert.match(await sweepByUnit(node), /Killed 1 process\(es\)/);
    await configure(node, "");
  });

  it("a tree that gets a client again loses its tag", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await visit(node, "alice");
    await logOut(server);
    await waitForTag(node, server);
    const back = await attach(server);
    await until(async () => assert.equal((await treeOf(node, server)).verdict, "spare"));
    assert.ok(tagOf(node, server));
    await sweepByUnit(node);
    assert.deepEqual(tagFiles(node), []);
    const { tagged, closedAt, remoteHost } = await treeOf(node, server);
    assert.deepEqual({ tagged, closedAt, remoteHost }, { tagged: false, closedAt: null, remoteHost: null });
    await back.leave();
    await waitForTag(node, server);
    await endServer(node, server);
    await sweep(node);
  });

  it("a tag that a session writes while a sweep is at work is left for the next one", async (t) => {
    if (!hasLoginNode(t)) return;
    await configure(node, 'grace = "1s"\n');
    // Bob's server takes two seconds to end, so the sweep has long decided about alice's when it tidies up.
    const slow = await visit(node, "bob", { behaviour: "tcp-listen,exit-after-term=2000" });
    const server = await visit(node, "alice");
    await logOut(server);
    const { closedUptime } = await waitForTag(node, server);
    const back = await attach(server);
    await logOut(slow);
    await until(async () => assert.equal((await treeOf(node, slow)).verdict, "reap"));
    const sweeping = sweepByUnit(node);
    // It blocks SIGTERM from the first one on.
    const blocked = () =>
      Number.parseInt(/^SigBlk:\t(\w+)$/m.exec(node.proc(slow.pid, "status") ?? "")?.[1] ?? "0", 16);
    await until(() => assert.ok(blocked() & (1 << 14), "not signalled yet"));
    assert.equal(node.alive(slow.pid), true);
    await back.leave();
    await until(() => assert.ok((tagOf(node, server)?.closedUptime ?? 0) > closedUptime));
    assert.equal(node.alive(slow.pid), true);
    assert.match(await sweeping, /Killed 1 process/);
    assert.ok((tagOf(node, server)?.closedUptime ?? 0) > closedUptime, "the new tag is gone");
    assert.equal(node.alive(server.pid), true);
    await configure(node, "");
    await endServer(node, server);
    await sweep(node);
    assert.deepEqual(tagFiles(node), []);
  });

  it("a tag of another boot is ignored and pruned", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await visit(node, "alice");
    await logOut(server);
    const { bootId } = await waitForTag(node, server);
    const file = `${TAGS}/${server.pid}-${server.startTime}.json`;
    const other = "11111111-2222-4333-8444-555555555555";
    await node.run(["sed", "-i", `s/${bootId}/${other}/`, file]);
    assert.equal(tagOf(node, server)?.bootId, other);
    const { tagged, verdict } = await treeOf(node, server);
    assert.deepEqual({ tagged, verdict }, { tagged: false, verdict: "wait" });
    await sweepByUnit(node);
    assert.deepEqual(tagFiles(node), []);
    await endServer(node, server);
  });

  it("a killed sshd monitor leaves no tag, and the sweep ends the tree all the same", async (t) => {
    if (!hasLoginNode(t)) return;
    const server = await visit(node, "alice");
    await closeWithoutMonitor(server);
    assert.deepEqual(tagFiles(node), []);
    // Without a tag a sweep marks it, and one that finds the same after the grace ends it.
    await configure(node, 'grace = "1s"\n');
    await until(async () => assert.match((await treeOf(node, server)).reasons.join(), /no tag/));
    // Younger than its grace a tree gets no mark.
    await sleep(1100);
    assert.equal(await sweepByUnit(node), "");
    await until(async () => {
      const { verdict, tagged, reasons } = await treeOf(node, server);
      assert.deepEqual({ verdict, tagged }, { verdict: "reap", tagged: false });
      assert.match(reasons.join(), /no tag/);
    });
    assert.match(await sweepByUnit(node), new RegExp(`Killed 1 process\\(es\\) under pid ${server.pid} `));
    await configure(node, "");
  });

  it("sessions that leave no tree leave no tag: a login, scp, sftp, a git fetch", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.copyIn("/usr/local/bin/git-upload-pack", "#!/bin/sh\nprintf 0000\ncat >/dev/null\n", {
      mode: 0o755,
    });
    await node.copyIn("/root/batch", "put /etc/os-release from-sftp\n");
    // Somebody else's tree must not be taken for the one of the user who leaves.
    const bobs = await visit(node, "bob");
    const options =
      "-q -F none -i /root/keys/alice -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";
    const commands: Record<string, string> = {
      login: `ssh ${options} alice@127.0.0.1 true`,
      "a long login": `echo exit | ssh ${options} -tt alice@127.0.0.1`,
      scp: `scp ${options} /etc/os-release alice@127.0.0.1:from-scp`,
      sftp: `sftp ${options} -b /root/batch alice@127.0.0.1`,
      git: `echo 0000 | ssh ${options} alice@127.0.0.1 ${quoted("git-upload-pack 'some.git'")}`,
    };
    for (const [name, command] of Object.entries(commands)) {
      const since = (await node.journal("-q", "-n", "0", "--show-cursor")).replace(/^-- cursor: /, "").trim();
      await node.run(["sh", "-c", command]);
      await until(async () =>
        assert.match(
          await node.journal("-q", "-o", "cat", `--after-cursor=${since}`),
          /session closed for user alice/,
          name,
        ),
      );
      const monitors = async () =>
        (await node.processes()).filter((p) => /^sshd-session: alice/.test(p.args));
      await until(async () => assert.deepEqual(await monitors(), []));
      assert.deepEqual(tagFiles(node), [], name);
    }
    assert.equal(await node.read("/home/alice/from-sftp"), await node.read("/home/alice/from-scp"));
    assert.equal(await faultsOfHook(node), "");
    await bobs.ssh.close();
    await waitForTag(node, bobs);
    await endServer(node, bobs);
    await sweep(node);
  });

  it("pam-auth-update puts the profile's line in, it works there, and takes it out again", async (t) => {
    if (!hasLoginNode(t)) return;
    const common = await node.read("/etc/pam.d/common-session");
    const lines = async () =>
      (await node.exec(["grep", "-rho", "^session.*session-close.*", "/etc/pam.d"])).stdout;
    await node.run(["sed", "-i", "\\,/usr/libexec/vscode-grim-reaper/session-close,d", "/etc/pam.d/sshd"]);
    assert.equal(await lines(), "", "the documented way to take the line out");

    const profile = readFileSync(join(repository(), "pam/vscode-grim-reaper"));
    await node.copyIn("/usr/share/pam-configs/vscode-grim-reaper", profile);
    await node.run(["pam-auth-update", "--package", "--enable", "vscode-grim-reaper"]);
    assert.match(
      await lines(),
      /^session\s+optional\s+pam_exec.so quiet type=close_session \/usr\/libexec\/vscode-grim-reaper\/session-close\s*$/,
    );
    assert.match(await node.read("/etc/pam.d/common-session"), /session-close/);
    const server = await visit(node, "alice");
    await logOut(server);
    const tag = await waitForTag(node, server);
    assert.equal(tag.auditSession, server.session.auditSession);
    assert.equal(tag.logindSession, server.session.logindSession);
    await endServer(node, server);

    await node.run(["pam-auth-update", "--package", "--remove", "vscode-grim-reaper"]);
    assert.equal(await lines(), "");
    assert.equal(await node.read("/etc/pam.d/common-session"), common);
    await node.run(["rm", "/usr/share/pam-configs/vscode-grim-reaper"]);
    await sweep(node);
    assert.deepEqual(tagFiles(node), []);
  });

  it("pam/README.md: appending the snippet installs the line, and the check that it gives works", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.run(["sed", "-i", "\\,/usr/libexec/vscode-grim-reaper/session-close,d", "/etc/pam.d/sshd"]);
    const before = await node.read("/etc/pam.d/sshd");
    await node.run(["sh", "-c", "cat /opt/vscode-grim-reaper/pam/sshd.snippet >>/etc/pam.d/sshd"]);
    const readme = readFileSync(join(repository(), "pam/README.md"), "utf8");
    const command = /^ssh host '(.*)'$/m.exec(readme)?.[1];
    assert.ok(command);
    const client = await node.ssh("alice", ["sh", "-c", command]);
    assert.equal((await client.waitExit()).status, 0);
    const { tag } = await until(() => {
      const [only, ...others] = tagFiles(node);
      assert.ok(only && others.length === 0);
      return only;
    });
    const exe = await node.run(["readlink", `/proc/${tag.root.pid}/exe`]);
    assert.equal(exe, "/home/alice/.vscode-server/bin/test/node\n");
    await endServer(node, { ...tag.root, port: 0 });
    await sweep(node);
    assert.deepEqual(tagFiles(node), []);
    await node.run(["sed", "-i", "\\,session-close,d", "/etc/pam.d/sshd"]);
    const left = (await node.read("/etc/pam.d/sshd")).split("\n").filter((line) => !line.startsWith("#"));
    assert.deepEqual(
      left,
      before.split("\n").filter((line) => !line.startsWith("#")),
    );
  });
});
