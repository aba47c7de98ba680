/** The site's programs on a real login node: the veto inside the sweep's sandbox, notify outside. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import type { LoginNode } from "./login-node.ts";
import { becomes, bootWithProduct, configure, startStandIn } from "./scenario-helpers.ts";

describe("the site's programs", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() === null) node = await bootWithProduct();
  });
  after(() => node?.powerOff());

  const sweepUnit = () => node.exec(["systemctl", "start", "vscode-grim-reaper.service"]);

  it("spare a tree during maintenance, and hear of its end", async (t) => {
    if (!hasLoginNode(t)) return;
    // As README shows it, and what each can reach.
    const veto =
      "[ -e /etc/maintenance ] && { echo maintenance until noon; exit 10; }\ntouch /etc/veto-can-write\nexit 0\n";
    await node.copyIn("/etc/site/veto", `#!/bin/sh\n${veto}`, { mode: 0o755 });
    const notify = "cat >>/var/local/told\ngetent hosts localhost >>/var/local/told\n";
    await node.copyIn("/etc/site/notify", `#!/bin/sh\n${notify}`, { mode: 0o755 });
    await configure(
      node,
      'grace = "0"\ntermWait = "2s"\n[hooks]\nveto = "/etc/site/veto"\nnotify = "/etc/site/notify"\n',
    );
    // The program runs as the service's account, which owns no file of the site's.
    await node.run(["install", "-o", "vscode-grim-reaper", "/dev/null", "/var/local/told"]);
    await node.run(["systemctl", "start", "vscode-grim-reaper-notify.path"]);
    const server = await startStandIn(node);
    await becomes(node, server.pid, "reap");

    await node.copyIn("/etc/maintenance", "");
    assert.equal((await sweepUnit()).status, 0);
    assert.equal(node.alive(server.pid), true);
    assert.match(
      await node.read("/var/log/vscode-grim-reaper.log"),
      /Spared .*: the site's veto: maintenance until noon/,
    );

    await node.run(["rm", "/etc/maintenance"]);
    assert.equal((await sweepUnit()).status, 0);
    assert.equal(node.alive(server.pid), false);
    assert.equal(
      (await node.exec(["test", "-e", "/etc/veto-can-write"])).status,
      1,
      "the sandbox holds for it",
    );
    await until(async () => {
      const told = await node.read("/var/local/told");
      assert.match(told, /"event":"ended".*"uid":2001/);
      assert.match(told, /localhost/);
    });
    assert.equal(await node.run(["ls", "-A", "/var/lib/vscode-grim-reaper/notify/new"]), "");
  });
});
