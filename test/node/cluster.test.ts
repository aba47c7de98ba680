/** Two login nodes that share a folder: a user who comes back on the other one, and one who does not. */

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import { installProduct } from "./install-product.ts";
import { LoginNode } from "./login-node.ts";
import {
  attach,
  becomes,
  configure,
  endAll,
  PROGRAM,
  type StandIn,
  standardLines,
  startStandIn,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";

const ALICE = 2001;
const UNIT = "vscode-grim-reaper.service";
const CONFIG = 'grace = "10m"\ntermWait = "2s"\n[cluster]\ndir = "/shared"\ngrace = "1s"\n';

describe("two login nodes", () => {
  let shared: string;
  let one: LoginNode;
  let two: LoginNode;

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    shared = mkdtempSync(join(tmpdir(), "reaper-shared-"));
    [one, two] = await Promise.all([LoginNode.boot({ shared }), LoginNode.boot({ shared })]);
    for (const node of [one, two]) {
      assert.deepEqual((await installProduct(node)).missing, [], "run: npm run build");
      await configure(node, CONFIG);
    }
  });
  after(async () => {
    await Promise.all([one?.powerOff(), two?.powerOff()]);
    if (shared) rmSync(shared, { recursive: true });
  });
  afterEach(async () => {
    for (const node of [one, two]) if (node) await endAll(node);
  });

  const fileOf = (node: LoginNode): string => join(shared, `${node.machine.name}.json`);
  const told = (node: LoginNode) => JSON.parse(readFileSync(fileOf(node), "utf8"));

  /** A server that a closed session left on the first node, as the hook tells it. */
  async function leaveBehind(user = "alice"): Promise<StandIn> {
    const server = await startStandIn(one, { user });
    await becomes(one, server.pid, "wait", true);
    return server;
  }

  /** A window on the second node, opened so much later that no clock could take it for older. */
  async function comeBack(left: StandIn): Promise<{ server: StandIn; drop: () => Promise<void> }> {
    const { closedAt } = await treeOf(one, left.pid);
    const later = Date.parse(closedAt ?? "") + 6500;
    await until(() => assert.ok(Date.now() > later), { timeoutMs: 20_000, everyMs: 100 });
    const server = await startStandIn(two);
    const { drop } = await attach(two, server);
    return { server, drop };
  }

  it("reap an orphan at once when its user is attached on the other node, and no other user's orphan", async (t) => {
    if (!hasLoginNode(t)) return;
    const left = await leaveBehind();
    const bobs = await leaveBehind("bob");
    assert.deepEqual((await sweep(two)).log, []);
    assert.deepEqual(told(two).attached, []);
    assert.deepEqual((await sweep(one)).log, [], "nobody is attached elsewhere: it waits for its grace");

    const back = await comeBack(left);
    assert.deepEqual((await sweep(one)).log, [], "the second node has not told it yet");
    assert.deepEqual((await sweep(two)).log, []);
    const [attached] = told(two).attached;
    assert.deepEqual([attached.uid, attached.trees], [ALICE, 1]);

    const { reasons, verdict } = await treeOf(one, left.pid);
    assert.equal(verdict, "reap");
    assert.match(reasons.join(), new RegExp(`its user is attached on ${two.machine.name}, grace 1s$`));
    assert.match(
      await one.run([PROGRAM, "explain", `${left.pid}`]),
      new RegExp(`^ {2}elsewhere +yes +attached on ${two.machine.name} \\(1 tree`, "m"),
    );
    const swept = await sweep(one);
    assert.equal(swept.status, 0, swept.stderr);
    standardLines(swept.log, left.pid, ALICE);
    assert.equal(one.alive(left.pid), false);
    assert.equal(one.alive(bobs.pid), true);
    assert.equal((await treeOf(one, bobs.pid)).verdict, "wait");
    assert.equal((await treeOf(two, back.server.pid)).verdict, "spare");
    await back.drop();
  });

  it("leave an orphan its grace when its user left the other node, was there before, or when the report is old", async (t) => {
    if (!hasLoginNode(t)) return;
    const left = await leaveBehind();
    const back = await comeBack(left);
    await sweep(two);
    const verdict = async () => (await treeOf(one, left.pid)).verdict;
    assert.equal(await verdict(), "reap");

    const text = readFileSync(fileOf(two), "utf8");
    const old = Date.now() - 3 * 3_600_000;
    utimesSync(fileOf(two), old / 1000, old / 1000);
    assert.equal(await verdict(), "wait", "by the time of the file");
    const attached = [{ uid: ALICE, trees: 1, since: old - 1 }];
    writeFileSync(fileOf(two), JSON.stringify({ ...JSON.parse(text), writtenAt: old, attached }));
    assert.equal(await verdict(), "wait", "by its own word");
    await sweep(two);
    assert.equal(await verdict(), "reap");

    await back.drop();
    await becomes(two, back.server.pid, "wait");
    await sweep(two);
    assert.deepEqual(told(two).attached, []);
    assert.deepEqual((await sweep(one)).log, []);
    assert.equal(one.alive(left.pid), true);

    // Windows on both nodes, and the one here is cut off.
    const { drop } = await attach(two, back.server);
    const cut = await leaveBehind();
    await sweep(two);
    assert.equal(told(two).attached.length, 1);
    assert.deepEqual((await sweep(one)).log, []);
    assert.equal(one.alive(cut.pid), true);
    await drop();
  });

  it("need the folder opened for the unit: the fault says how", async (t) => {
    if (!hasLoginNode(t)) return;
    rmSync(fileOf(one), { force: true });
    const start = () => one.exec(["systemctl", "start", UNIT]);
    const log = "/var/log/vscode-grim-reaper.log";
    assert.notEqual((await start()).status, 0);
    assert.match(
      await one.read(log),
      /is read-only here \(EROFS\); .*systemctl edit .*ReadWritePaths=\/shared$/m,
    );
    const dropIn = `/etc/systemd/system/${UNIT}.d/cluster.conf`;
    await one.copyIn(dropIn, "[Service]\nReadWritePaths=/shared\n");
    await one.run(["systemctl", "daemon-reload"]);
    // The folder is still root's alone: the account of the unit may read it and not write there.
    assert.notEqual((await start()).status, 0);
    assert.match(
      await one.read(log),
      /this account \(uid \d+\) may not write there .*; chown it to the account/m,
    );
    await one.run(["chown", "vscode-grim-reaper", "/shared"]);
    const { status } = await start();
    assert.equal(status, 0, await one.read(log));
    assert.equal(told(one).host, one.machine.name);
    chmodSync(shared, 0o777);
    try {
      assert.notEqual((await start()).status, 0);
      assert.match(await one.read(log), /users other than root can write it; run chmod go-w on it$/m);
    } finally {
      chmodSync(shared, 0o700);
    }
  });

  it("are seen at one sight by fleet", async (t) => {
    if (!hasLoginNode(t)) return;
    await leaveBehind();
    const server = await startStandIn(two);
    const { drop } = await attach(two, server);
    let collected = "";
    for (const node of [one, two])
      collected += `${node.machine.name}: ${await node.run([PROGRAM, "list", "--json"])}`;
    const table = await one.run([PROGRAM, "fleet", "-"], { input: collected });
    const [name1, name2] = [one, two].map(({ machine }) => machine.name);
    assert.match(table, new RegExp(`^${name1} +1 +0 +1 +0 +0 +0 `, "m"));
    assert.match(table, new RegExp(`^${name2} +1 +0 +0 +1 +0 +0 `, "m"));
    assert.match(table, new RegExp(`^alice +2 +${name2} +${name1} +- `, "m"));
    await drop();
  });
});
