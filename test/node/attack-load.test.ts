/** One user's attempts to use up what the unit has: others' orphans still end, in time, within the unit's memory. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, it } from "node:test";
import { attackBinary } from "../helpers/attacks.ts";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import type { LoginNode } from "./login-node.ts";
import { bootWithProduct, endAll, startStandIn } from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const PROGRAM = "/home/carol/.vscode-server/bin/e18005f0f1b33c29e81d732535d8c0e47cafb0b5/node";
const PEAK = "/run/vscode-grim-reaper/peak";
const MEMORY_MAX = 512 * 1024 * 1024;

/** What each is made of, as attack_load takes it; bounded for a machine that runs other tests. */
const ATTACKS: readonly (readonly [string, string, string])[] = [
  ["argv", "1500", "32768"],
  ["argv", "200", "2000000"],
  ["environment", "1500", "6000000"],
  ["descriptors", "600", "19000"],
  ["sockets", "8", "19000"],
  ["chain", "1500", "0"],
];

onLoginNode("one user against the unit", () => {
  let node: LoginNode;

  before(async () => {
    node = await bootWithProduct();
    await node.copyIn(PROGRAM, readFileSync(attackBinary("load")), { mode: 0o755, owner: "carol:carol" });
    await node.run(["chown", "-R", "carol:carol", "/home/carol/.vscode-server"]);
    // The kernel's word on the largest process, as the node's cgroups have no memory controller.
    const command = "/usr/sbin/vscode-grim-reaper -v -l /var/log/vscode-grim-reaper.log";
    const script = [
      "import resource, subprocess, sys",
      `status = subprocess.call("${command}".split())`,
      `open("${PEAK}", "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))`,
      "sys.exit(status)",
    ];
    await node.copyIn("/usr/local/bin/measured", `#!/usr/bin/python3\n${script.join("\n")}\n`, {
      mode: 0o755,
    });
    const dropIn = "[Service]\nExecStart=\nExecStart=/usr/local/bin/measured\n";
    await node.copyIn(`/run/systemd/system/${UNIT}.d/measured.conf`, dropIn);
    await node.run(["systemctl", "daemon-reload"]);
  });
  after(() => node?.powerOff());
  afterEach(async () => {
    if (node) await endAll(node);
  });

  const property = async (name: string) =>
    (await node.run(["systemctl", "show", "--value", "-p", name, UNIT])).trim();

  async function sweep(): Promise<{ took: number; peak: number; result: string }> {
    await node.exec(["systemctl", "reset-failed", UNIT]);
    const began = performance.now();
    await node.exec(["systemctl", "start", UNIT], { timeoutMs: 290_000 });
    const took = (performance.now() - began) / 1000;
    return { took, peak: Number(await node.read(PEAK)) * 1024, result: await property("Result") };
  }

  for (const attack of ATTACKS)
    it(`${attack.join(" ")}: another user's orphan ends`, async (t) => {
      const orphan = await startStandIn(node, { user: "bob" });
      const attacker = await node.spawn([PROGRAM, ...attack], { user: "carol" });
      try {
        await attacker.waitOutput(/ready/, 90_000);
        const { took, peak, result } = await sweep();
        t.diagnostic(`${took.toFixed(1)} s, ${(peak / 1048576).toFixed(0)} MiB, ${result}`);
        await until(() => assert.equal(node.alive(orphan.pid), false), { timeoutMs: 1000 }).catch(
          async () => {
            assert.fail(`the orphan lives:\n${await node.journal("-u", UNIT, "-n", "20")}`);
          },
        );
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
