/** The session-close hook against a user's environment and under a user's limits, below a real sshd. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import { bootWithHook, compileInto, saidByHook, tags, waitForTag } from "./hook-helpers.ts";
import { HOOK } from "./install-product.ts";
import type { LoginNode } from "./login-node.ts";

const ALICE = 2001;
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
  TZ: TRAP,
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

  /** Logs in, looks at a file of the monitor's, whose environment and limits the hook inherits, and out again. */
  async function logInAndOut(file: string): Promise<{ text: string; address: string; session: SshSession }> {
    const ssh = await node.ssh("alice", ["sh", "-c", "read line"]);
    const session = await ssh.session();
    const text = node.proc(session.monitor, file) ?? "";
    ssh.stdin.end("\n");
    await ssh.waitExit();
    return { text, address: ssh.address, session };
  }

  it("runs no code of the user's as root, and names the right user, with user_readenv=1 above it", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.run(["mkdir", "-m", "0700", "/run/trap"]);
    await compileInto(node, "hook-trap.cc", TRAP, ["-shared", "-fPIC", "-static-libgcc"]);
    for (const name of ["sh", "getent", "id", "node", "logger"]) {
      const script = `#!/bin/sh\n[ "$(/usr/bin/id -u)" = 0 ] && : >/run/trap/path-${name}\nexec /usr/bin/${name} "$@"\n`;
      await node.copyIn(`/home/alice/bin/${name}`, script, { mode: 0o755 });
    }
    const lines = Object.entries(ENVIRONMENT).map(([name, value]) => `${name} DEFAULT=${value}\n`);
    await node.copyIn("/home/alice/.pam_environment", lines.join(""));
    await node.run(["chown", "-R", "alice:alice", "/home/alice"]);
    const sprung = async (): Promise<string> => node.run(["ls", "/run/trap"]);

    // The same place in the stack, first for a program with shared libraries: it shows that the trap works.
    const stack = await node.read("/etc/pam.d/sshd");
    await node.run(["cp", "/usr/bin/true", "/usr/local/sbin/shared-close"]);
    const line = (program: string) => `session optional pam_exec.so quiet type=close_session ${program}\n`;
    assert.ok(stack.endsWith(line(HOOK)));
    const above = `${stack.slice(0, -line(HOOK).length)}session required pam_env.so user_readenv=1\n`;
    await node.copyIn("/etc/pam.d/sshd", above + line("/usr/local/sbin/shared-close"));
    await logInAndOut("status");
    await until(async () => assert.equal(await sprung(), "shared-close\n"));
    assert.equal(tags(node).size, 0);

    await node.run(["rm", "/run/trap/shared-close"]);
    await node.copyIn("/etc/pam.d/sshd", above + line(HOOK));
    const { address, session } = await logInAndOut("status");
    const tag = await waitForTag(node, ALICE, address);
    assert.deepEqual([tag.auditSession, tag.logindSession], [session.auditSession, session.logindSession]);
    await until(() => assert.equal(node.alive(session.monitor), false));
    assert.equal(await sprung(), "");
    assert.deepEqual(await saidByHook(node, "warning"), []);
    await node.copyIn("/etc/pam.d/sshd", stack);
    await node.run(["rm", "/home/alice/.pam_environment"]);
  });

  it("writes the tag under the limits of limits.conf", async (t) => {
    if (!hasLoginNode(t)) return;
    const limits = { nofile: 64, as: 102_400, data: 20_480, stack: 256, cpu: 1, sigpending: 0, memlock: 0 };
    const lines = Object.entries(limits).map(([item, value]) => `alice hard ${item} ${value}\n`);
    // A machine whose root lacks CAP_SYS_RESOURCE can undo soft limits only.
    const raise = ["prlimit", "--fsize=0:0", "prlimit", "--fsize=1:1", "true"];
    const kind = (await node.exec(raise)).status === 0 ? "hard" : "soft";
    t.diagnostic(`${kind} limit of the file size`);
    // The processes are counted over all nodes of this machine that run at the same time.
    lines.push(`alice ${kind} fsize 0\n`, "alice hard nproc 500\n", "alice - priority 19\n");
    await node.copyIn("/etc/security/limits.d/small.conf", lines.join(""));
    const { text, address } = await logInAndOut("limits");
    for (const row of [
      /^Max open files +64 +64 /m,
      /^Max address space +104857600 +104857600 /m,
      /^Max file size +0 /m,
      /^Max pending signals +0 +0 /m,
    ])
      assert.match(text, row);
    await waitForTag(node, ALICE, address);
    assert.deepEqual(await saidByHook(node, "warning"), []);
  });
});

import type { SshSession } from "./ssh-client.ts";
