/** `doctor` on a real installation: well, and with each of the usual mistakes. */

import assert from "node:assert/strict";
import { before, it } from "node:test";
import type { Check } from "../../src/tools/core/doctor/check.ts";
import { onLoginNode } from "./available.ts";
import { HOOK } from "./install-product.ts";
import { PROGRAM, suiteNode } from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const TIMER = "vscode-grim-reaper.timer";

onLoginNode("doctor", () => {
  const node = suiteNode();

  before(async () => {
    await node.run(["systemctl", "enable", "--now", TIMER]);
    await node.run(["systemctl", "start", UNIT]);
    const alive = "ClientAliveInterval 60\\nClientAliveCountMax 5\\n";
    await node.run(["sh", "-c", `printf '${alive}' >/etc/ssh/sshd_config.d/50-alive.conf`]);
  });

  async function bad(): Promise<{ status: number; checks: readonly Check[] }> {
    const { status, stdout, stderr } = await node.exec([PROGRAM, "doctor", "--json"]);
    assert.ok(stdout.startsWith("{"), stderr);
    const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
    return { status: status ?? -1, checks: checks.filter(({ health }) => health !== "ok") };
  }

  it("finds nothing wrong with an installation after its first sweep", async (t) => {
    const { status, checks } = await bad();
    assert.deepEqual(checks, []);
    assert.equal(status, 0);
    const { stdout } = await node.exec([PROGRAM, "doctor"]);
    t.diagnostic(stdout);
    assert.match(stdout, /^ok +last sweep +the last good one was \d+s ago$/m);
    assert.match(stdout, /^ok +PAM line +\/etc\/pam\.d\/sshd:\d+, optional, at close_session$/m);
  });

  const mistakes: readonly (readonly [string, string, string, string, RegExp])[] = [
    [
      "a PAM line that can fail logins",
      "sed -i '/session-close/s/optional/required/' /etc/pam.d/sshd",
      "sed -i '/session-close/s/required/optional/' /etc/pam.d/sshd",
      "PAM line",
      /optional/,
    ],
    ["a hook that a group may write", `chmod 775 ${HOOK}`, `chmod 755 ${HOOK}`, "session-close", /0775/],
    ["a timer that was stopped", `systemctl stop ${TIMER}`, `systemctl start ${TIMER}`, "timer", /inactive/],
    [
      "a unit in a network of its own",
      `mkdir -p /run/systemd/system/${UNIT}.d && printf '[Service]\\nPrivateNetwork=yes\\n' >/run/systemd/system/${UNIT}.d/x.conf && systemctl daemon-reload`,
      `rm -r /run/systemd/system/${UNIT}.d && systemctl daemon-reload`,
      "service",
      /PrivateNetwork=yes/,
    ],
    [
      "no keepalive but TCP's",
      "echo ClientAliveInterval 0 >/etc/ssh/sshd_config.d/00-no.conf",
      "rm /etc/ssh/sshd_config.d/00-no.conf",
      "sshd keepalive",
      /a sleeping laptop counts as connected for two hours/,
    ],
    [
      "a file that users cannot read",
      "mkdir -p /etc/vscode-grim-reaper/config.d && echo >/etc/vscode-grim-reaper/config.d/10-x.toml && chmod 600 /etc/vscode-grim-reaper/config.d/10-x.toml",
      "rm /etc/vscode-grim-reaper/config.d/10-x.toml",
      "configuration",
      /10-x\.toml: mode 0600: list, explain, keep, end and clean fail for users/,
    ],
    [
      "a ledger that logrotate is not told of",
      "mv /etc/logrotate.d/vscode-grim-reaper /etc/away",
      "mv /etc/away /etc/logrotate.d/vscode-grim-reaper",
      "rotation",
      /sweep\.log grows without end: no configuration of logrotate names it/,
    ],
    [
      "sweeps that stopped long ago",
      'sed -i \'s/"lastGood":[0-9]*/"lastGood":1000/\' /var/lib/vscode-grim-reaper/last-sweep.json',
      `systemctl start ${UNIT}`,
      "last sweep",
      /d\w* ago/,
    ],
  ];
  for (const [what, make, mend, name, detail] of mistakes)
    it(`${what}: named, and gone when mended`, async () => {
      await node.run(["sh", "-c", make]);
      const found = await bad();
      await node.run(["sh", "-c", mend]);
      const names = found.checks.map((check) => check.name);
      assert.deepEqual(names, [name], JSON.stringify(found.checks));
      assert.match(found.checks[0]?.detail ?? "", detail);
      assert.equal(found.status, found.checks[0]?.health === "fault" ? 1 : 0);
      assert.deepEqual((await bad()).checks, []);
    });
});
