// A sweep that cannot see: /proc hides processes or is not there, the kernel's list of sockets is refused. Whoever
// cannot see ends nothing and says what to look at; "nothing found" is never the answer.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { assertRefused, compile, config, Host, runIn } from "../helpers/faults.ts";
import { USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

interface Listed {
  readonly trees: readonly { readonly root: { readonly pid: number }; readonly verdict: string }[];
}

function insideNamespace(): void {
  let host: Host;
  before(async () => {
    host = await Host.start();
  });
  after(() => host.end());
  beforeEach(() => host.renew());

  const HIDDEN = "mount -t proc -o hidepid=2 proc /proc";
  const asUser = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];
  const blind = ["setpriv", "--bounding-set=-sys_ptrace"];
  const verdicts = (stdout: string): Map<number, string> =>
    new Map((JSON.parse(stdout) as Listed).trees.map(({ root, verdict }) => [root.pid, verdict]));

  test("hidepid and all of root's rights: as ever", () => {
    const ran = runIn({ before: HIDDEN }, ["-v", "-c", config()]);
    assert.equal(ran.status, 0, ran.stderr);
    host.assertSound(false, ran.stderr);
  });

  for (const [what, before] of [
    ["hidepid=2", HIDDEN],
    ["hidepid=1", "mount -t proc -o hidepid=1 proc /proc"],
    ["an open proc", "true"],
  ] as const)
    test(`${what}, and root may not look into processes: nothing is ended, what is missing is named`, () => {
      const ran = runIn({ before, under: blind }, ["-v", "-c", config()]);
      assertRefused(host, ran, /CAP_SYS_PTRACE/);
      const listed = runIn({ before, under: blind }, ["list"]);
      assert.match(listed.stderr, /cannot see other users' processes: CAP_SYS_PTRACE is missing/);
      assert.equal(listed.status, 1);
      host.heal();
    });

  test("hidepid=2 and an ordinary user: no tree with a client is called an orphan", () => {
    const { status, stdout, stderr } = runIn({ before: HIDDEN, under: asUser }, ["list", "--json"]);
    assert.equal(status, 0, `${stdout}${stderr}`);
    const found = verdicts(stdout);
    assert.ok(found.has(host.orphan.node("server").pid), stdout);
    assert.match(found.get(host.neighbours.node("used").pid) ?? "none", /^(?:unknown|spare)$/);
  });

  const NO_PROC: readonly (readonly [string, string, RegExp])[] = [
    [
      "subset=pid",
      "mount -t proc -o subset=pid proc /proc",
      /cannot read the process table in \/proc: .*subset=pid/,
    ],
    [
      "an empty folder",
      "mount -t tmpfs tmpfs /proc",
      /cannot read the process table in \/proc: .*is proc mounted/,
    ],
    [
      "not mounted",
      "while umount -l /proc 2>/dev/null; do :; done",
      /process table in \/proc: .*is proc mounted/,
    ],
    // What the namespace's own was mounted over.
    ["another pid namespace's", "umount -l /proc", /process table in \/proc: .*another pid namespace/],
  ];
  for (const [what, before, says] of NO_PROC)
    test(`/proc is ${what}: nothing is ended`, () => {
      assertRefused(host, runIn({ before }, ["-v", "-c", config()]), says);
      assertRefused(host, runIn({ before }, ["list"]), says);
      host.heal();
    });

  const refuse = compile("refuse_netlink.c");
  const EPERM = 1;
  const EAFNOSUPPORT = 97;
  const EMFILE = 24;
  for (const error of [EPERM, EAFNOSUPPORT, EMFILE])
    test(`netlink answers errno ${error}: no tree is known to be without a client, nothing is ended`, () => {
      const under = [refuse, String(error)];
      const ran = runIn({ under }, ["-vv", "-c", config()]);
      assertRefused(host, ran, /cannot list unix sockets/);
      if (error !== EMFILE)
        assert.match(ran.stderr, /allow AF_NETLINK in the unit \(RestrictAddressFamilies=\)/);
      const listed = runIn({ under }, ["list", "--json"]);
      assert.equal(listed.status, 1);
      assert.equal(verdicts(listed.stdout).get(host.orphan.node("server").pid), "unknown");
      host.heal();
    });

  test("neither netlink nor /proc/net: the same", () => {
    const before = "mkdir /run/empty\nmount -t tmpfs tmpfs /run/empty";
    const under = ["unshare", "--net", refuse, String(EPERM)];
    assertRefused(host, runIn({ before, under }, ["-v", "-c", config()]), /cannot list unix sockets/);
    host.heal();
  });

  test("another network namespace than the host's: the breaker says which setting to check", () => {
    const ran = runIn({ under: ["unshare", "--net"] }, ["-v", "-c", config()]);
    assertRefused(host, ran, /Nothing was ended: .*PrivateNetwork/);
    host.heal();
  });
}

insidePidNamespace(import.meta.url, "faults of sight", insideNamespace);
