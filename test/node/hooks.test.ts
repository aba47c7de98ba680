/** The site's notify program on a real login node: in its own unit, outside the sweep's sandbox. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import { repository } from "./boot.ts";
import type { LoginNode } from "./login-node.ts";
import { AT_ONCE, becomes, bootWithProduct, configure, startStandIn } from "./scenario-helpers.ts";

const BASE = `${AT_ONCE}[hooks]\n`;

describe("the site's program", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() === null) node = await bootWithProduct();
  });
  after(() => node?.powerOff());

  /** A sweep of the unit ends a stand-in of alice's. */
  async function endOne(): Promise<void> {
    await node.run(["systemctl", "start", "vscode-grim-reaper-notify.path"]);
    const server = await startStandIn(node);
    await becomes(node, server.pid, "reap");
    await node.run(["systemctl", "start", "vscode-grim-reaper.service"]);
    assert.equal(node.alive(server.pid), false);
  }

  it("is told of the end of a tree, outside the sweep's sandbox", async (t) => {
    if (!hasLoginNode(t)) return;
    const notify = "cat >>/var/local/told\ngetent hosts localhost >>/var/local/told\n";
    await node.copyIn("/etc/site/notify", `#!/bin/sh\n${notify}`, { mode: 0o755 });
    await configure(node, `${BASE}notify = "/etc/site/notify"\n`);
    // The program runs as the service's account, which owns no file of the site's.
    await node.run(["install", "-o", "vscode-grim-reaper", "/dev/null", "/var/local/told"]);
    await endOne();
    await until(async () => {
      const told = await node.read("/var/local/told");
      assert.match(told, /"event":"ended".*"uid":2001/);
      assert.match(told, /localhost/);
    });
    assert.equal(await node.run(["ls", "-A", "/var/lib/vscode-grim-reaper/notify/new"]), "");
  });

  it("notify-mail: a setgid mailer works in the unit, and gets the mail of one user", async (t) => {
    if (!hasLoginNode(t)) return;
    const example = readFileSync(join(repository(), "packaging/hooks/notify-mail"), "utf8");
    await node.copyIn("/etc/site/notify-mail", example, { mode: 0o755 });
    // Postfix' postdrop and exim work so: setgid or setuid. A script cannot, so a program does it.
    await node.run(["install", "-m", "0700", "-d", "/srv/mail"]);
    await node.run(["chgrp", "mail", "/srv/mail"]);
    await node.run(["chmod", "0770", "/srv/mail"]);
    await node.run(["install", "-g", "mail", "-m", "2755", "/usr/bin/tee", "/usr/local/sbin/drop"]);
    const mailer = '#!/bin/sh\n{ echo "$*"; cat; } | /usr/local/sbin/drop -a /srv/mail/queue >/dev/null\n';
    await node.copyIn("/usr/sbin/sendmail", mailer, { mode: 0o755 });
    await configure(node, `${BASE}notify = "/etc/site/notify-mail"\n`);
    await endOne();
    await until(async () => {
      const queue = await node.read("/srv/mail/queue");
      assert.match(queue, /^-oi -f root -- alice@example\.org\nFrom: root\nTo: alice@example\.org\n/);
      assert.match(queue, /^Why: unused since .*$/m);
    });
    await node.run(["rm", "-f", "/usr/sbin/sendmail"]);
  });
});
