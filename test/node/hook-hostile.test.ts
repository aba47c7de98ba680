/** The session-close hook against a user's environment and under a user's limits, below a real sshd. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import {
  bootWithHook,
  compileInto,
  endServer,
  faultsOfHook,
  installServer,
  logOut,
  SESSION_CLOSED,
  saidAt,
  sweep,
  tagFiles,
  visit,
  waitForTag,
} from "./hook-helpers.ts";
import { HOOK } from "./install-product.ts";
import type { LoginNode } from "./login-node.ts";

const TRAP = "/home/alice/trap.so";
const ENVIRONMENT = {
  LD_PRELOAD: TRAP,
  LD_AUDIT: TRAP,
  LD_LIBRARY_PATH: "/home/alice",
  NODE_OPTIONS: "--require=/home/alice/trap.cjs",
  PATH: "/home/alice/bin:/usr/bin:/bin",
  BASH_ENV: "/home/alice/bin/sh",
  GLIBC_TUNABLES: "glibc.malloc.check=3:glibc.rtld.optional_static_tls=999999999",
  GCONV_PATH: "/home/alice",
  LOCPATH: "/home/alice",
  TZ: "/home/alice/trap.so",
  MALLOC_ARENA_MAX: "1",
  PAM_USER: "root",
  PAM_RUSER: "root",
  PAM_TYPE: "open_session",
  PAM_SERVICE: "login",
  PAM_RHOST: "forged.example",
  XDG_SESSION_ID: "c999",
  XDG_RUNTIME_DIR: "/home/alice",
};

describe("the session-close hook, with a hostile user", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    node = await bootWithHook();
  });
  after(() => node?.powerOff());

  const sprung = async () => (await node.run(["ls", "/run/trap"])).split("\n").filter(Boolean).sort();

  it("runs no code of the user's as root, and names the right user, with user_readenv=1 above it", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.run(["mkdir", "-m", "0700", "/run/trap"]);
    await compileInto(node, "hook-trap.cc", TRAP, ["-shared", "-fPIC", "-static-libgcc"]);
    await node.copyIn(
      "/home/alice/trap.cjs",
      'require("node:fs").writeFileSync("/run/trap/node-options", "")\n',
    );
    for (const name of ["sh", "getent", "id", "node", "logger"]) {
      const script = `#!/bin/sh\n[ "$(/usr/bin/id -u)" = 0 ] && : >/run/trap/path-${name}\nexec /usr/bin/${name} "$@"\n`;
      await node.copyIn(`/home/alice/bin/${name}`, script, { mode: 0o755, owner: "alice:alice" });
    }
    await node.run(["chown", "-R", "alice:alice", "/home/alice"]);
    const lines = Object.entries(ENVIRONMENT).map(([name, value]) => `${name} DEFAULT=${value}\n`);
    await node.copyIn("/home/alice/.pam_environment", lines.join(""), { owner: "alice:alice" });

    // The same place in the stack, first for a program with shared libraries: it shows that the trap works.
    const stack = await node.read("/etc/pam.d/sshd");
    await node.run(["cp", "/usr/bin/true", "/usr/local/sbin/shared-close"]);
    const line = (program: string) => `session optional pam_exec.so quiet type=close_session ${program}\n`;
    assert.ok(stack.endsWith(line(HOOK)));
    const above = `${stack.slice(0, -line(HOOK).length)}session required pam_env.so user_readenv=1\n`;
    await node.copyIn("/etc/pam.d/sshd", above + line("/usr/local/sbin/shared-close"));
    const first = await visit(node, "alice");
    // It is the user's environment that the session has.
    assert.match(node.proc(first.pid, "environ") ?? "", /\0?LD_PRELOAD=\/home\/alice\/trap.so\0/);
    assert.deepEqual(await sprung(), [], "only pam_exec starts a program as root");
    await logOut(first);
    await until(async () => assert.deepEqual(await sprung(), ["shared-close"]));
    await saidAt(node, first.session.monitor, SESSION_CLOSED);
    assert.deepEqual(tagFiles(node), []);
    await endServer(node, first);

    await node.run(["rm", "/run/trap/shared-close"]);
    await node.copyIn("/etc/pam.d/sshd", above + line(HOOK));
    const server = await visit(node, "alice");
    await logOut(server);
    const tag = await waitForTag(node, server);
    assert.deepEqual(
      [tag.uid, tag.root.pid, tag.root.startTime, tag.auditSession, tag.logindSession, tag.remoteHost],
      [
        2001,
        server.pid,
        server.startTime,
        server.session.auditSession,
        server.session.logindSession,
        server.ssh.address,
      ],
    );
    await until(() => assert.equal(node.alive(server.session.monitor), false));
    assert.deepEqual(await sprung(), []);
    assert.equal(await faultsOfHook(node), "");
    assert.equal(tagFiles(node).length, 1);
    await endServer(node, server);
    await node.copyIn("/etc/pam.d/sshd", stack);
    await node.run(["rm", "/home/alice/.pam_environment"]);
    await sweep(node);
  });

  it("writes the tag under the limits of limits.conf", async (t) => {
    if (!hasLoginNode(t)) return;
    const limits = {
      nofile: 64,
      as: 102_400,
      data: 20_480,
      stack: 256,
      cpu: 1,
      // Counted over all nodes of this machine that run at the same time.
      nproc: 500,
      sigpending: 0,
      memlock: 0,
      msgqueue: 0,
      locks: 0,
    };
    const lines = Object.entries(limits).map(([item, value]) => `alice hard ${item} ${value}\n`);
    // A machine whose root lacks CAP_SYS_RESOURCE can undo soft limits only.
    const raise = ["prlimit", "--fsize=0:0", "prlimit", "--fsize=1:1", "true"];
    const fileSize = (await node.exec(raise)).status === 0 ? "hard" : "soft";
    t.diagnostic(`${fileSize} limit of the file size`);
    lines.push(`alice ${fileSize} fsize 0\n`, "alice - priority 19\n");
    await node.copyIn("/etc/security/limits.d/small.conf", lines.join(""));
    // Nothing of alice's can write a file any more, so her server is put in place, and it does not listen.
    await installServer(node, "alice");
    const server = await visit(node, "alice", { behaviour: "-" });
    // What the monitor has, the hook inherits.
    const inForce = node.proc(server.session.monitor, "limits") ?? "";
    for (const row of [
      /^Max open files +64 +64 /m,
      /^Max address space +104857600 +104857600 /m,
      /^Max file size +0 /m,
      /^Max processes +500 +500 /m,
      /^Max pending signals +0 +0 /m,
    ])
      assert.match(inForce, row);
    await logOut(server);
    const tag = await waitForTag(node, server);
    assert.equal(tag.auditSession, server.session.auditSession);
    assert.equal(await faultsOfHook(node), "");
    await endServer(node, server);
    await node.run(["rm", "/etc/security/limits.d/small.conf"]);
    await sweep(node);
    assert.deepEqual(tagFiles(node), []);
  });
});
