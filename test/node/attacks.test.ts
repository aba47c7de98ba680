/** What one user, or a program that has taken over the sweep's unit, can do. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, it } from "node:test";
import { attackBinary } from "../helpers/attacks.ts";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import type { Running } from "./inside.ts";
import { attach, becomes, COMMIT, dropIn, startStandIn, suiteNode, sweep } from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const LOG = "/var/log/vscode-grim-reaper/sweep.log";
const LOAD = `/home/carol/.vscode-server/bin/${COMMIT}/node`;
const TAKEN_OVER = "/usr/local/bin/attack";
const PEAK = "/run/vscode-grim-reaper/peak";
const MEMORY_MAX = 512 * 1024 * 1024;

type Attack = readonly [mode: string, count: string, size: string];

/** What each is made of, as attack_load takes it; bounded for a machine that runs other tests. */
const BOUNDED: readonly Attack[] = [
  ["argv", "1500", "32768"],
  ["argv", "200", "2000000"],
  ["environment", "1500", "6000000"],
  ["descriptors", "600", "19000"],
  ["sockets", "8", "19000"],
  ["chain", "1500", "0"],
  ["trees", "3000", "0"],
  ["subordinate", "600", "32768"],
  ["held", "20", "0"],
];

/** By hand, REAPER_ATTACKS=full: what SECURITY.md gives figures for. */
const FULL: readonly Attack[] = [
  ["trees", "3000", "0"],
  ["trees", "4000", "0"],
  ["subordinate", "3000", "32768"],
  ["subordinate", "12000", "0"],
  ["held", "20", "0"],
];
const ATTACKS = process.env.REAPER_ATTACKS === "full" ? FULL : BOUNDED;

const LEDGER = "/var/log/vscode-grim-reaper/ledger.jsonl";

/** The attempts that root without the sandbox carries out: what the test would not notice is not tested. */
const WORK_FOR_ROOT = [
  ...["read-memory-of-init", "write-memory-of-init", "open-memory-of-init-to-write", "oom-score-of-init"],
  ...["create-in-etc", "create-in-etc-through-init", "io-uring", "systemd-private-socket", "d-bus"],
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

  const worked = (said: string) => [...said.matchAll(/^(\S+).* worked$/gm)].map(([, attempt]) => attempt);

  it("the unit works as root, too, where a drop-in says so, and afterwards as its account again", async () => {
    for (const text of ["User=root\nCapabilityBoundingSet=CAP_DAC_OVERRIDE\n", ""]) {
      await dropIn(node, text);
      const orphan = await startStandIn(node);
      await becomes(node, orphan.pid, "reap");
      const { status } = await node.exec(["systemctl", "start", UNIT]);
      assert.equal(status, 0, await node.journal("-u", UNIT, "-n", "20"));
      assert.equal(node.alive(orphan.pid), false);
      // By hand as well, in between.
      const byHand = await sweep(node);
      assert.equal(byHand.status, 0, byHand.stderr);
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
      "import resource, subprocess, sys, time",
      "began = time.monotonic()",
      `status = subprocess.call("/usr/sbin/vscode-grim-reaper -v -l ${LOG}".split())`,
      `open("${PEAK}", "w").write(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss} {time.monotonic() - began}")`,
      "sys.exit(status)",
    ];
    const text = `#!/usr/bin/python3\n${script.join("\n")}\n`;
    await node.copyIn("/usr/local/bin/measured", text, { mode: 0o755 });
  });

  const property = async (name: string) =>
    (await node.run(["systemctl", "show", "--value", "-p", name, UNIT])).trim();

  async function measured(): Promise<{ took: number; peak: number; result: string }> {
    await dropIn(node, "ExecStart=\nExecStart=/usr/local/bin/measured\n");
    await node.exec(["systemctl", "reset-failed", UNIT]);
    await node.exec(["systemctl", "start", UNIT], { timeoutMs: 290_000 });
    const [peak = 0, took = 0] = (await node.read(PEAK)).split(" ").map(Number);
    return { took, peak: peak * 1024, result: await property("Result") };
  }

  it("a ledger that root wrote before there was an account is handed over", async () => {
    await dropIn(node, "");
    await node.run(["sh", "-c", `rm -f ${LEDGER}; : >${LEDGER}; chmod 600 ${LEDGER}`]);
    const orphan = await startStandIn(node);
    await becomes(node, orphan.pid, "reap");
    await node.run(["systemctl", "start", UNIT]);
    assert.equal((await node.run(["stat", "-c", "%U", LEDGER])).trim(), "vscode-grim-reaper");
    assert.match(await node.read(LEDGER), new RegExp(`"pid":${orphan.pid},`));
  });

  /** Starts the attack, with all that root must do for it; resolves when it runs. */
  async function attack([mode, count, size]: Attack): Promise<Running> {
    const attacker = await node.spawn([LOAD, mode, count, size], { user: "carol" });
    if (mode === "subordinate") {
      const [, pid] = await attacker.waitOutput(/map (\d+)/);
      await node.run(["sh", "-c", `printf '0 2003 1\\n1 700000 ${count}\\n' >/proc/${pid}/uid_map`]);
      attacker.stdin.write("\n");
    }
    await attacker.waitOutput(/ready/, 240_000);
    return attacker;
  }

  /** Bytes of the sweep's log and of the whole journal. */
  const logged = async (): Promise<number> =>
    Number(await node.run(["sh", "-c", `{ cat ${LOG}; journalctl -q --no-pager; } 2>/dev/null | wc -c`]));

  for (const each of ATTACKS)
    it(`${each.join(" ")} of one user: another user's orphan ends and is recorded, a third one's tree in use stays, within the unit's memory and 2 MB of log`, async (t) => {
      const orphan = await startStandIn(node, { user: "bob" });
      const used = await startStandIn(node);
      const client = await attach(node, used);
      const attacker = await attack(each);
      try {
        const before = await logged();
        const { took, peak, result } = await measured();
        const log = (await logged()) - before;
        const mib = (bytes: number) => (bytes / 1048576).toFixed(bytes < 1e7 ? 2 : 0);
        t.diagnostic(`${took.toFixed(1)} s, ${mib(peak)} MiB, ${result}, ${mib(log)} MiB of log`);
        assert.equal(node.alive(orphan.pid), false, await node.journal("-u", UNIT, "-n", "20"));
        assert.match(await node.read(LEDGER), new RegExp(`"pid":${orphan.pid},`));
        assert.ok(node.alive(used.pid), "the tree in use was ended");
        assert.notEqual(result, "oom-kill");
        assert.ok(peak < MEMORY_MAX, `${peak} bytes`);
        assert.ok(log < 2_000_000, `${log} bytes of log`);
      } finally {
        await client.drop();
        attacker.kill("SIGKILL");
        // The kernel takes a while to close a user's hundred thousand descriptors.
        const isAttackers = ({ uid }: { uid: number }) => uid === 2003 || uid >= 700_000;
        await until(async () => assert.deepEqual((await node.processes()).filter(isAttackers), []));
      }
    });
});
