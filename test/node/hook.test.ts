/** The session-close hook and its tags, with real logins, on a real PAM stack. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, it } from "node:test";
import { compile } from "../helpers/faults.ts";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import { endServer, logOut, saidByHook, TAGS, tags, type Visit, visit, waitForTag } from "./hook-helpers.ts";
import { HOOK } from "./install-product.ts";
import { configure, suiteNode, sweep, treeOf } from "./scenario-helpers.ts";
import type { SshClient } from "./ssh-client.ts";

const [ALICE, BOB] = [2001, 2002];
const CONTROL = "/run/mux";
const PAM_FILE = "/etc/pam.d/sshd";
const LOG = "/var/log/vscode-grim-reaper/sweep.log";
const TRAP = "/home/alice/trap.so";
const HOSTILE = {
  LD_PRELOAD: TRAP,
  LD_AUDIT: TRAP,
  LD_LIBRARY_PATH: "/home/alice",
  NODE_OPTIONS: "--require=/home/alice/trap.cjs",
  PATH: "/home/alice/bin:/usr/bin:/bin",
  BASH_ENV: "/home/alice/bin/sh",
  GLIBC_TUNABLES: "glibc.malloc.check=3:glibc.rtld.optional_static_tls=999999999",
  GCONV_PATH: "/home/alice",
  TZ: TRAP,
  PAM_USER: "root",
  PAM_TYPE: "open_session",
  PAM_RHOST: "forged.example",
  XDG_SESSION_ID: "c999",
};

onLoginNode("the session-close hook", () => {
  const node = suiteNode();

  before(async () => {
    // Other suites show that a sweep settles.
    await configure(node, 'settle = "0s"\n');
  });

  const swept = async (): Promise<void> => assert.equal((await sweep(node)).status, 0);
  const overControl = (...words: string[]): Promise<string> =>
    node.run(["ssh", "-F", "none", "-S", CONTROL, ...words, "alice@127.0.0.1"]);

  /** Ways to use and to end a connection. `server`: whether one is left behind. `cut`: the client falls silent. */
  const ways: readonly {
    readonly name: string;
    readonly server: boolean;
    readonly options?: readonly string[];
    readonly cut?: boolean;
    readonly close: (ssh: SshClient, visit: Visit | null) => Promise<unknown>;
  }[] = [
    { name: "a shell that exits", server: true, close: (ssh) => logOut({ ssh }) },
    { name: "the client killed", server: true, close: async (ssh) => ssh.kill("SIGKILL") },
    { name: "the network cut", server: true, cut: true, close: (ssh) => ssh.cut() },
    {
      name: "the sshd child killed",
      server: true,
      close: (_, left) => node.run(["kill", "-KILL", `${left?.session.child}`]),
    },
    {
      name: "many sessions over one connection",
      server: false,
      options: ["-N", "-M", "-S", CONTROL],
      close: async () => {
        for (const command of ["true", "id"])
          await node.run(["ssh", "-F", "none", "-S", CONTROL, "alice@127.0.0.1", command]);
        assert.equal(tags(node).size, 0, "the connection is still open");
        await overControl("-O", "exit");
      },
    },
  ];
  for (const { name, server, options = [], cut = false, close } of ways)
    it(`tags its user: ${name}`, async () => {
      const left = server ? await visit(node, "alice", { cuttable: cut }) : null;
      const ssh = left?.ssh ?? (await node.ssh("alice", null, { options }));
      const session = left?.session ?? (await ssh.session());
      assert.equal(tags(node).size, 0);
      const start = Date.now();
      await close(ssh, left);
      const { closedAt, closedUptime, ...rest } = await waitForTag(node, ALICE, ssh.address);
      assert.ok(closedAt >= start && closedAt <= Date.now(), `${start} ${closedAt}`);
      assert.ok(closedUptime > 0);
      assert.deepEqual(rest, {
        schemaVersion: 1,
        bootId: (await node.read("/proc/sys/kernel/random/boot_id")).trim(),
        uid: ALICE,
        auditSession: session.auditSession,
        logindSession: session.logindSession,
        remoteHost: ssh.address,
      });
      const said = `session-close: uid ${ALICE}: session ${session.logindSession} from ${ssh.address} closed; `;
      assert.ok((await saidByHook(node)).at(-1)?.startsWith(said));
      if (left) {
        const tree = await treeOf(node, left.pid);
        assert.deepEqual([tree.tagged, tree.remoteHost], [true, ssh.address]);
        assert.equal(tree.closedAt, new Date(closedAt).toISOString());
        await swept();
        assert.equal(tags(node).get(ALICE)?.closedAt, closedAt);
        assert.equal(node.alive(left.pid), true);
        await endServer(node, left);
      }
      await swept();
      assert.deepEqual(tags(node), new Map(), "the tag of a user without a tree");
      ssh.kill("SIGKILL");
      await ssh.waitExit();
    });

  it("tags the user whose session closed, and of their trees those that are older; a later close overwrites", async () => {
    const first = await visit(node, "alice");
    const second = await visit(node, "alice");
    const bobs = await visit(node, "bob");
    await logOut(second);
    const early = await waitForTag(node, ALICE, second.ssh.address);
    assert.deepEqual([...tags(node).keys()], [ALICE]);
    const third = await visit(node, "alice");
    const tagged = async (): Promise<boolean[]> =>
      Promise.all([first, second, third, bobs].map(async (left) => (await treeOf(node, left.pid)).tagged));
    assert.deepEqual(await tagged(), [true, true, false, false]);
    await logOut(first);
    const late = await waitForTag(node, ALICE, first.ssh.address);
    assert.ok(late.closedUptime > early.closedUptime);
    assert.deepEqual(await tagged(), [true, true, true, false]);
    await logOut(bobs);
    await waitForTag(node, BOB, bobs.ssh.address);
    await logOut(third);
    await waitForTag(node, ALICE, third.ssh.address);
    for (const left of [first, second, third]) await endServer(node, left);
    await swept();
    assert.deepEqual([...tags(node).keys()], [BOB]);
    await endServer(node, bobs);
    await swept();
  });

  it("the unit's sweep waits for the grace of the tag, then ends the tree and removes the tag", async () => {
    const sweepByUnit = async (): Promise<string> => {
      await node.run(["rm", "-f", LOG]);
      await node.run(["systemctl", "start", "vscode-grim-reaper.service"]);
      return node.read(LOG);
    };
    const left = await visit(node, "carol");
    // Where tmpfiles has made no directory, the hook does, and the unit's sandbox works with that one.
    await node.run(["rm", "-rf", "/run/vscode-grim-reaper"]);
    await logOut(left);
    const tag = await waitForTag(node, 2003, left.ssh.address);
    assert.equal(await sweepByUnit(), "");
    assert.equal(node.alive(left.pid), true);
    await configure(node, 'settle = "0s"\ngrace = "1s"\n');
    await until(() => assert.ok(Date.now() - tag.closedAt > 1000));
    assert.match(await sweepByUnit(), /^\S+ Killed \d+ process\(es\) under pid \d+ \(uid 2003\)\n/);
    assert.equal(node.alive(left.pid), false);
    const folder = "770 root vscode-grim-reaper\n";
    const folders = await node.run(["stat", "-c", "%a %U %G", "/run/vscode-grim-reaper", TAGS]);
    assert.equal(folders, folder + folder);
    await sweepByUnit();
    assert.deepEqual(tags(node), new Map());
    await configure(node, 'settle = "0s"\n');
  });

  it("runs no code of the user's as root, and names the right user, with user_readenv=1 above it", async () => {
    /** Logs in and out; the monitor's environment is what the hook inherits. */
    const logInAndOut = async (): Promise<SshClient> => {
      const ssh = await node.ssh("alice", null, { stdin: "exit\n" });
      await ssh.waitExit();
      return ssh;
    };
    await node.run(["mkdir", "-m", "0700", "/run/trap"]);
    const trap = compile("test/node/hook-trap.cc", "-shared", "-fPIC", "-static-libgcc");
    await node.copyIn(TRAP, readFileSync(trap), { mode: 0o755 });
    for (const name of ["sh", "getent", "id", "node", "logger"]) {
      const script = `#!/bin/sh\n[ "$(/usr/bin/id -u)" = 0 ] && : >/run/trap/path-${name}\nexec /usr/bin/${name} "$@"\n`;
      await node.copyIn(`/home/alice/bin/${name}`, script, { mode: 0o755 });
    }
    const lines = Object.entries(HOSTILE).map(([name, value]) => `${name} DEFAULT=${value}\n`);
    await node.copyIn("/home/alice/.pam_environment", lines.join(""));
    await node.run(["chown", "-R", "alice:alice", "/home/alice"]);
    const sprung = async (): Promise<string> => node.run(["ls", "/run/trap"]);

    // The same place in the stack, first for a program with shared libraries: it shows that the trap works.
    const stack = await node.read(PAM_FILE);
    await node.run(["cp", "/usr/bin/true", "/usr/local/sbin/shared-close"]);
    const line = (program: string) => `session optional pam_exec.so quiet type=close_session ${program}\n`;
    assert.ok(stack.endsWith(line(HOOK)));
    const above = `${stack.slice(0, -line(HOOK).length)}session required pam_env.so user_readenv=1\n`;
    await node.copyIn(PAM_FILE, above + line("/usr/local/sbin/shared-close"));
    await logInAndOut();
    await until(async () => assert.equal(await sprung(), "shared-close\n"));
    assert.equal(tags(node).size, 0);

    await node.run(["rm", "/run/trap/shared-close"]);
    await node.copyIn(PAM_FILE, above + line(HOOK));
    const { auditSession, logindSession } = await waitForTag(node, ALICE, (await logInAndOut()).address);
    assert.ok(
      auditSession && /^c?\d+$/.test(logindSession ?? "") && logindSession !== HOSTILE.XDG_SESSION_ID,
    );
    assert.equal(await sprung(), "");
    assert.deepEqual(await saidByHook(node, "warning"), []);
    await node.copyIn(PAM_FILE, stack);
    await node.run(["rm", "/home/alice/.pam_environment"]);
    await swept();
  });

  it("a host without audit ids: a tag by logind's session", async (t) => {
    t.after(() => node.run(["mv", `${PAM_FILE}.old`, PAM_FILE]));
    await node.run(["sed", "-i.old", "s/^.*pam_loginuid/#&/", PAM_FILE]);
    const ssh = await node.ssh("alice", ["echo", "here"]);
    assert.deepEqual(await ssh.waitExit(), { status: 0, stdout: "here\n", stderr: "" });
    const { logindSession, auditSession } = await waitForTag(node, ALICE, ssh.address);
    assert.match(logindSession ?? "", /^c?\d+$/);
    assert.equal(auditSession, null);
    await swept();
    assert.deepEqual(tags(node), new Map());
    assert.deepEqual(await saidByHook(node, "warning"), []);
  });
});
