/** The ledger, the metrics and the hook's count as the hourly unit writes them in its sandbox. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { LedgerRecord } from "../../src/core/ledger/record.ts";
import { readExposition, seriesValue } from "../helpers/exposition.ts";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import type { LoginNode } from "./login-node.ts";
import {
  AT_ONCE,
  bootWithProduct,
  configure,
  endAll,
  PROGRAM,
  startStandIn,
  treeOf,
} from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const LEDGER = "/var/lib/vscode-grim-reaper/ledger.jsonl";
const COLLECTOR = "/var/lib/prometheus/node-exporter";
const METRICS = `${COLLECTOR}/vscode-grim-reaper.prom`;
const HOOK_FAULTS = "/run/vscode-grim-reaper/hook.faults";
const TAGS = "/run/vscode-grim-reaper/tags";

describe("the unit's accounts", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() === null) node = await bootWithProduct();
  });
  after(async () => {
    if (!node) return;
    await endAll(node);
    await node.powerOff();
  });

  const sweepByUnit = async (): Promise<void> => {
    const { status, stderr } = await node.exec(["systemctl", "start", UNIT]);
    assert.equal(status, 0, `${stderr}${await node.journal("-u", UNIT)}`);
  };
  const logInAndOut = async (user: string): Promise<void> => {
    assert.equal((await (await node.ssh(user, null, { stdin: "true\n" })).waitExit()).status, 0);
  };
  const value = async (name: string): Promise<number> =>
    seriesValue(readExposition(await node.read(METRICS)), name);

  it("writes the reap with its proportional memory where users cannot read it", async (t) => {
    if (!hasLoginNode(t)) return;
    await node.run(["mkdir", "-p", COLLECTOR]);
    await configure(node, `${AT_ONCE}[metrics]\nfile = "${METRICS}"\n`);
    const orphan = await startStandIn(node, { run: "sleep 7102" });
    // The session that starts it can end before it runs; one that comes and goes later surely leaves it behind.
    await logInAndOut("alice");
    const { pids, memoryKiB } = await until(async () => {
      const tree = await treeOf(node, orphan.pid);
      assert.ok(tree.tagged, JSON.stringify(tree.reasons));
      return tree;
    });
    await sweepByUnit();
    const lines = (await node.read(LEDGER)).trimEnd().split("\n");
    assert.equal(lines.length, 1);
    const one = JSON.parse(lines[0] ?? "") as LedgerRecord;
    assert.equal(one.root.pid, orphan.pid);
    assert.deepEqual([one.user, one.uid, one.killed, one.survivors], ["alice", 2001, pids.length, 0]);
    // A running Node is never smaller; the server may have grown since it was listed.
    assert.ok(one.freedKiB > 10 * 1024 && one.freedKiB < 2 * memoryKiB, `${one.freedKiB} of ${memoryKiB}`);
    assert.equal(one.tagged, true);
    assert.equal(one.kind, "closed");
    assert.equal(
      await node.run(["stat", "-c", "%U:%G %a", LEDGER, METRICS]),
      "vscode-grim-reaper:vscode-grim-reaper 640\nvscode-grim-reaper:vscode-grim-reaper 644\n",
    );
    const report = await node.run([PROGRAM, "report"]);
    t.diagnostic(report);
    assert.match(report, /^1 tree, \d+ processes, /);
    assert.match(report, /^tag-past-grace +1 /m);
    const denied = await node.exec(["su", "bob", "-c", `${PROGRAM} report`]);
    assert.equal(denied.status, 77);
    assert.match(denied.stderr, /only root may read the ledger/);
  });

  it("writes the metrics from inside the sandbox, with the faults of the hook", async (t) => {
    if (!hasLoginNode(t)) return;
    assert.equal(await value("killed_trees_total"), 1);
    assert.equal(await value("hook_faults_total"), 0);
    assert.equal(await value("sweep_failed"), 0);
    // A folder that others may write is refused by the hook: a fault, and a tree without a tag.
    await node.run(["chmod", "1777", TAGS]);
    await startStandIn(node, { user: "bob" });
    await logInAndOut("bob");
    await until(() => node.run(["test", "-s", HOOK_FAULTS]));
    await node.run(["chmod", "770", TAGS]);
    await sweepByUnit();
    assert.ok((await value("hook_faults_total")) >= 1, await node.read(METRICS));
    assert.equal(await value("killed_trees_total"), 2);
    assert.equal(await value("sweeps_total"), 2);
    const records = (await node.read(LEDGER)).trimEnd().split("\n");
    assert.equal((JSON.parse(records[1] ?? "") as LedgerRecord).kind, "aged");
  });
});
