/** The hourly sweep as systemd runs it: its sandbox must not blind it. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import type { LoginNode } from "./login-node.ts";
import {
  attach,
  bootWithProduct,
  endAll,
  list,
  PROGRAM,
  standardLines,
  startStandIn,
  treeOf,
} from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const TIMER = "vscode-grim-reaper.timer";
const LOG = "/var/log/vscode-grim-reaper.log";

describe("the systemd unit", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() === null) node = await bootWithProduct();
  });
  after(() => node?.powerOff());
  afterEach(async () => {
    if (!node) return;
    await node.run(["sh", "-c", `rm -rf /run/systemd/system/${UNIT}.d; systemctl daemon-reload`]);
    await endAll(node);
  });

  const logged = async () => {
    const { stdout } = await node.exec(["cat", LOG]);
    return stdout.split("\n").filter((line) => line !== "");
  };
  const property = (name: string) => node.run(["systemctl", "show", "--value", "-p", name, UNIT]);

  it("sees clients from inside its sandbox, and reaps an orphan", async (t) => {
    if (!hasLoginNode(t)) return;
    const tcp = await startStandIn(node);
    const unix = await startStandIn(node, { args: ["--socket-path=/home/alice/.vscode-server/server.sock"] });
    const bobs = await startStandIn(node, { user: "bob" });
    const windows = [
      await attach(node, tcp),
      await attach(node, unix, { transport: "-L socket" }),
      await attach(node, bobs, { user: "bob", transport: "-D" }),
    ];
    const orphan = await startStandIn(node, { run: "sleep 7101" });
    const { pids } = await treeOf(node, orphan.pid);
    assert.ok(pids.length >= 2);

    const { status, stderr } = await node.exec(["systemctl", "start", UNIT]);
    assert.equal(status, 0, `${stderr}${await node.journal("-u", UNIT)}`);
    assert.equal(await property("ExecMainStatus"), "0\n");
    assert.equal(await property("Result"), "success\n");
    const lines = await logged();
    const killed = standardLines(lines, orphan.pid, 2001);
    assert.deepEqual([...killed.pids].sort(), [...pids].sort());
    assert.equal(lines.length, pids.length + 1, lines.join("\n"));
    for (const pid of pids) assert.equal(node.alive(pid), false);
    for (const { pid } of [tcp, unix, bobs]) {
      assert.equal(node.alive(pid), true);
      assert.equal((await treeOf(node, pid)).verdict, "spare");
    }
    assert.equal(await node.run(["stat", "-c", "%U %a", LOG]), "vscode-grim-reaper 640\n");
    for (const window of windows) await window.drop();
  });

  it("judges in its sandbox as it does outside", async (t) => {
    if (!hasLoginNode(t)) return;
    const attached = await startStandIn(node);
    const window = await attach(node, attached);
    await startStandIn(node, { user: "bob" });
    const outside = await list(node);
    // The unit's own sandbox around another command.
    const drop = `[Service]\nExecStart=\nExecStart=/bin/sh -c '${PROGRAM} list --json >/run/vscode-grim-reaper/seen'\n`;
    const dropIn = `/run/systemd/system/${UNIT}.d/list.conf`;
    await node.copyIn(dropIn, drop);
    await node.run(["systemctl", "daemon-reload"]);
    await node.run(["systemctl", "start", UNIT]);
    const inside = JSON.parse(await node.read("/run/vscode-grim-reaper/seen")) as typeof outside;
    await node.run(["rm", "/run/vscode-grim-reaper/seen"]);
    const facts = ({ trees, errors }: typeof outside) => ({
      trees: trees.map(({ root, verdict, evidence, pids, tagged }) => ({
        root,
        verdict,
        evidence,
        pids,
        tagged,
      })),
      errors,
    });
    assert.deepEqual(facts(inside), facts(outside));
    assert.deepEqual(
      outside.trees.map(({ verdict }) => verdict),
      ["spare", "reap"],
    );
    await window.drop();
  });

  const BLINDERS: readonly { setting: string; says: RegExp; status?: string }[] = [
    { setting: "PrivateNetwork=yes", says: /check the unit's PrivateNetwork/ },
    // Its user namespace needs a /proc that can be written to: the sweep does not even start.
    { setting: "PrivateUsers=yes", says: /Failed at step USER/, status: "217" },
    {
      setting: "RestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX",
      says: /list TCP sockets/,
    },
    {
      setting: "CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_KILL",
      says: /CAP_SYS_PTRACE is missing/,
    },
    {
      setting: "CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_KILL CAP_SYS_PTRACE",
      says: /the descriptors of no server tree could be read/,
    },
    { setting: "ProcSubset=pid", says: /cannot read the process table/ },
    { setting: "SystemCallFilter=~sendto sendmsg", says: /list TCP sockets/ },
  ];
  it("blinded by a stricter sandbox ends nothing, fails, and says what it could not see", async (t) => {
    if (!hasLoginNode(t)) return;
    const attached = await startStandIn(node);
    const window = await attach(node, attached);
    const orphan = await startStandIn(node, { user: "bob" });
    for (const { setting, says, status: expected = "1" } of BLINDERS) {
      const lines = (await logged()).length;
      await node.copyIn(`/run/systemd/system/${UNIT}.d/blind.conf`, `[Service]\n${setting}\n`);
      await node.run(["systemctl", "daemon-reload"]);
      // systemd refuses to start a unit again that has failed five times in ten seconds.
      await node.exec(["systemctl", "reset-failed", UNIT]);
      const { status } = await node.exec(["systemctl", "start", UNIT]);
      const said = [...(await logged()).slice(lines), await node.journal("-u", UNIT, "-n", "12")].join("\n");
      assert.match(said, says, setting);
      assert.notEqual(status, 0, setting);
      assert.equal(await property("ExecMainStatus"), `${expected}\n`, setting);
      assert.deepEqual([node.alive(attached.pid), node.alive(orphan.pid)], [true, true], setting);
    }
    await window.drop();
  });

  it("is started by its timer: hourly as shipped, and for real when the site says otherwise", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.run(["systemctl", "enable", "--now", TIMER]);
    assert.match(await node.run(["systemctl", "list-timers", "--no-pager"]), new RegExp(`${TIMER} +${UNIT}`));
    const timers = await node.run(["systemctl", "show", "--value", "-p", "TimersCalendar", TIMER]);
    assert.match(timers, /OnCalendar=\*-\*-\* \*:00:00 ;/);

    const before = (await logged()).length;
    const attached = await startStandIn(node);
    const window = await attach(node, attached);
    const orphan = await startStandIn(node, { user: "bob" });
    await node.copyIn(
      `/etc/systemd/system/${TIMER}.d/often.conf`,
      "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\n",
    );
    await node.run(["systemctl", "daemon-reload"]);
    await node.run(["systemctl", "restart", TIMER]);
    await until(() => assert.equal(node.alive(orphan.pid), false));
    await until(async () => standardLines((await logged()).slice(before), orphan.pid, 2002));
    await until(async () => assert.equal(await property("ActiveState"), "inactive\n"));
    await node.run(["systemctl", "stop", TIMER]);
    assert.equal(node.alive(attached.pid), true);
    assert.match(await node.run(["systemctl", "show", "--value", "-p", "LastTriggerUSec", TIMER]), /\d/);
    await window.drop();
  });
});
