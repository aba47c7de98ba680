/** What a program can do that has taken over the sweep's unit. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, it } from "node:test";
import { attackBinary } from "../helpers/attacks.ts";
import { onLoginNode } from "./available.ts";
import type { LoginNode } from "./login-node.ts";
import { becomes, bootWithProduct, endAll, startStandIn, sweep } from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const PROGRAM = "/usr/local/bin/attack";

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

onLoginNode("a program that has taken over the unit", () => {
  let node: LoginNode;

  before(async () => {
    node = await bootWithProduct();
    await node.copyIn(PROGRAM, readFileSync(attackBinary("unit")), { mode: 0o755 });
  });
  after(() => node?.powerOff());
  afterEach(async () => {
    if (!node) return;
    await node.run(["sh", "-c", `rm -rf /run/systemd/system/${UNIT}.d; systemctl daemon-reload`]);
    await endAll(node);
  });

  const worked = (said: string) =>
    said
      .split("\n")
      .filter((line) => line.endsWith(" worked"))
      .map((line) => line.split(" ")[0]);

  it("works as root, too, where a drop-in says so, and afterwards as its account again", async () => {
    const dropIn = `/run/systemd/system/${UNIT}.d/root.conf`;
    for (const text of ["[Service]\nUser=root\nCapabilityBoundingSet=CAP_DAC_OVERRIDE\n", ""]) {
      await node.copyIn(dropIn, text);
      await node.run(["systemctl", "daemon-reload"]);
      const orphan = await startStandIn(node);
      await becomes(node, orphan.pid, "reap");
      const { status } = await node.exec(["systemctl", "start", UNIT]);
      assert.equal(status, 0, await node.journal("-u", UNIT, "-n", "20"));
      assert.equal(node.alive(orphan.pid), false);
      // By hand as well, in between.
      assert.equal((await sweep(node)).status, 0);
    }
    assert.doesNotMatch(await node.read("/var/log/vscode-grim-reaper.log"), /cannot/);
  });

  it("reads files, and changes nothing of the host's", async () => {
    const atLarge = worked(await node.run([PROGRAM]));
    for (const attempt of WORK_FOR_ROOT) assert.ok(atLarge.includes(attempt), `${attempt}: ${atLarge}`);

    const drop = `[Service]\nExecStart=\nExecStart=/bin/sh -c '${PROGRAM} >/run/vscode-grim-reaper/said'\n`;
    await node.copyIn(`/run/systemd/system/${UNIT}.d/attack.conf`, drop);
    await node.run(["systemctl", "daemon-reload"]);
    await node.run(["systemctl", "start", UNIT]);
    const said = await node.read("/run/vscode-grim-reaper/said");
    assert.equal(said.trim().split("\n").length, 24, said);
    assert.deepEqual(worked(said), REMAIN, said);
  });
});
