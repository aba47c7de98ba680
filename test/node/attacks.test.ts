/** What one user, or a program that has taken over the sweep's unit, can do. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, it } from "node:test";
import { attackBinary } from "../helpers/attacks.ts";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import { becomes, COMMIT, dropIn, startStandIn, suiteNode, sweep } from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const LOG = "/var/log/vscode-grim-reaper/sweep.log";
const LOAD = `/home/carol/.vscode-server/bin/${COMMIT}/node`;
const TAKEN_OVER = "/usr/local/bin/attack";
const PEAK = "/run/vscode-grim-reaper/peak";
const MEMORY_MAX = 512 * 1024 * 1024;

/** 200 cgroups, each below the last, in a scope of the attacker's. */
const NESTED = `/sys/fs/cgroup/user.slice/user-2003.slice/a.scope${"/n".repeat(200)}`;

/** What each is made of, as attack_load takes it; bounded for a machine that runs other tests. */
const ATTACKS: readonly (readonly [mode: string, count: string, size: string, cgroup?: string])[] = [
  ["argv", "1500", "32768"],
  ["argv", "200", "2000000"],
  ["environment", "1500", "6000000"],
  ["descriptors", "600", "19000"],
  ["sockets", "8", "19000"],
  ["chain", "1500", "0"],
  ["chain", "1500", "0", NESTED],
  ["trees", "3000", "0"],
];

/** The attempts that root without the sandbox carries out: what the test would not notice is not tested. */
const WORK_FOR_ROOT = [
  "read-memory-of-init",
  "write-memory-of-init",
  "open-memory-of-init-to-write",
  "create-in-etc",
  "create-in-etc-through-init",
  "io-uring",
  "oom-score-of-init",
  "systemd-private-socket",
  "d-bus",
  "become-another-user",
];

/** What remains, and why: SECURITY.md says the same. */
const REMAIN = [
  // CAP_DAC_READ_SEARCH, which the descriptors of other users' processes need, reads every file.
  "open-memory-of-init-to-read",
  // As any unprivileged user reaches it; for D-Bus, this account is one.
  "d-bus-through-init",
  "read-shadow",
];

onLoginNode("attacks on the unit", () => {
  const node = suiteNode();

  before(async () => {
    await node.copyIn(TAKEN_OVER, readFileSync(attackBinary("unit")), { mode: 0o755 });
    await node.copyIn(LOAD, readFileSync(attackBinary("load")), { mode: 0o755, owner: "carol:carol" });
    await node.run(["chown", "-R", "carol:carol", "/home/carol/.vscode-server"]);
  });

  const worked = (said: string) =>
    said
      .split("\n")
      .filter((line) => line.endsWith(" worked"))
      .map((line) => line.split(" ")[0]);

  it("the unit works as root, too, where a drop-in says so, and afterwards as its account again", async () => {
    for (const text of ["User=root\nCapabilityBoundingSet=CAP_DAC_OVERRIDE\n", ""]) {
      await dropIn(node, text);
      const orphan = await startStandIn(node);
      await becomes(node, orphan.pid, "reap");
      const { status } = await node.exec(["systemctl", "start", UNIT]);
      assert.equal(status, 0, await node.journal("-u", UNIT, "-n", "20"));
      assert.equal(node.alive(orphan.pid), false);
      // By hand as well, in between.
      assert.equal((await sweep(node)).status, 0);
    }
    assert.doesNotMatch(await node.read(LOG), /cannot/);
  });

  it("a program that has taken over the unit reads files, and changes nothing of the host's", async () => {
    const atLarge = worked(await node.run([TAKEN_OVER]));
    for (const attempt of WORK_FOR_ROOT) assert.ok(atLarge.includes(attempt), `${attempt}: ${atLarge}`);

    await dropIn(node, `ExecStart=\nExecStart=/bin/sh -c '${TAKEN_OVER} >/run/vscode-grim-reaper/said'\n`);
    await node.run(["systemctl", "start", UNIT]);
    const said = await node.read("/run/vscode-grim-reaper/said");
    assert.equal(said.trim().split("\n").length, 24, said);
    assert.deepEqual(worked(said), REMAIN, said);
  });

  /** Installs the sweep with the kernel's word on its largest process, as the node's cgroups have no memory controller. */
  before(async () => {
    const script = [
      "import resource, subprocess, sys",
      `status = subprocess.call("/usr/sbin/vscode-grim-reaper -v -l ${LOG}".split())`,
      `open("${PEAK}", "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))`,
      "sys.exit(status)",
    ];
    const text = `#!/usr/bin/python3\n${script.join("\n")}\n`;
    await node.copyIn("/usr/local/bin/measured", text, { mode: 0o755 });
  });

  const property = async (name: string) =>
    (await node.run(["systemctl", "show", "--value", "-p", name, UNIT])).trim();

  async function measured(): Promise<{ peak: number; result: string }> {
    await dropIn(node, "ExecStart=\nExecStart=/usr/local/bin/measured\n");
    await node.exec(["systemctl", "reset-failed", UNIT]);
    await node.exec(["systemctl", "start", UNIT], { timeoutMs: 290_000 });
    return { peak: Number(await node.read(PEAK)) * 1024, result: await property("Result") };
  }

  for (const [mode, count, size, cgroup] of ATTACKS)
    it(`${mode} ${count} ${size}${cgroup ? " in nested cgroups" : ""} of one user: another user's orphan ends, within the memory of the unit`, async (t) => {
      const orphan = await startStandIn(node, { user: "bob" });
      const attacker = await node.spawn([LOAD, mode, count, size], { user: "carol" });
      try {
        await attacker.waitOutput(/ready/, 90_000);
        if (cgroup) {
          const move = `mkdir -p ${cgroup}; for p in $(pgrep -u carol); do echo $p >${cgroup}/cgroup.procs; done`;
          await node.run(["sh", "-c", move]);
        }
        const { peak, result } = await measured();
        t.diagnostic(`${(peak / 1048576).toFixed(0)} MiB, ${result}`);
        assert.equal(node.alive(orphan.pid), false, await node.journal("-u", UNIT, "-n", "20"));
        assert.notEqual(result, "oom-kill");
        assert.ok(peak < MEMORY_MAX, `${peak} bytes`);
      } finally {
        attacker.kill("SIGKILL");
        // The kernel takes a while to close a user's hundred thousand descriptors.
        await until(
          async () =>
            assert.deepEqual(
              (await node.processes()).filter(({ uid }) => uid === 2003),
              [],
            ),
          { timeoutMs: 60_000, everyMs: 500 },
        );
      }
    });
});
