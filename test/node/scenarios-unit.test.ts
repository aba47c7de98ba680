/** The hourly sweep as systemd runs it: its sandbox must not blind it; what it writes, and the site's program after it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, before, it } from "node:test";
import type { LedgerRecord } from "../../src/core/ledger/record.ts";
import { readExposition, seriesValue } from "../helpers/exposition.ts";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import { repository } from "./boot.ts";
import {
  AT_ONCE,
  attach,
  becomes,
  configure,
  dropIn,
  killedIn,
  PROGRAM,
  startStandIn,
  suiteNode,
  treeOf,
} from "./scenario-helpers.ts";

const UNIT = "vscode-grim-reaper.service";
const TIMER = "vscode-grim-reaper.timer";
const LOG = "/var/log/vscode-grim-reaper/sweep.log";
const LEDGER = "/var/log/vscode-grim-reaper/ledger.jsonl";
const COLLECTOR = "/var/lib/prometheus/node-exporter";
const METRICS = `${COLLECTOR}/vscode-grim-reaper.prom`;
const NOTIFY = "vscode-grim-reaper-notify.service";

onLoginNode("the systemd unit", () => {
  const node = suiteNode();

  before(async () => {
    await node.run(["mkdir", "-p", COLLECTOR]);
    await configure(node, `${AT_ONCE}[metrics]\nfile = "${METRICS}"\n`);
  });
  afterEach(async () => {
    await node.run(["sh", "-c", `rm -rf /run/systemd/system/${UNIT}.d; systemctl daemon-reload`]);
  });

  const logged = async () => {
    const { stdout } = await node.exec(["cat", LOG]);
    return stdout.split("\n").filter((line) => line !== "");
  };
  const property = (name: string) => node.run(["systemctl", "show", "--value", "-p", name, UNIT]);
  const sweepByUnit = async (): Promise<void> => {
    const { status, stderr } = await node.exec(["systemctl", "start", UNIT]);
    assert.equal(status, 0, `${stderr}${await node.journal("-u", UNIT)}`);
  };
  const value = async (name: string): Promise<number> =>
    seriesValue(readExposition(await node.read(METRICS)), name);
  const logInAndOut = async (user: string): Promise<void> => {
    assert.equal((await (await node.ssh(user, null, { stdin: "true\n" })).waitExit()).status, 0);
  };

  it("sees clients from inside its sandbox, reaps an orphan, and writes log, ledger and metrics", async () => {
    const tcp = await startStandIn(node);
    const unix = await startStandIn(node, { args: ["--socket-path=/home/alice/.vscode-server/server.sock"] });
    const bobs = await startStandIn(node, { user: "bob" });
    const windows = [
      await attach(node, tcp),
      await attach(node, unix, { transport: "-L socket" }),
      await attach(node, bobs, { user: "bob", transport: "-D" }),
    ];
    const orphan = await startStandIn(node, { user: "carol", run: "sleep 7101" });
    // The session that starts it can end before it runs; one that comes and goes later surely leaves it behind.
    await logInAndOut("carol");
    const { pids, memoryKiB } = await becomes(node, orphan.pid, "reap", true);
    assert.ok(pids.length >= 2);

    await sweepByUnit();
    assert.equal(await property("Result"), "success\n");
    const lines = await logged();
    const killed = killedIn(lines, orphan.pid);
    assert.deepEqual([...killed].sort(), [...pids].sort());
    assert.equal(lines.length, pids.length + 1, lines.join("\n"));
    for (const pid of pids) assert.equal(node.alive(pid), false);
    for (const { pid } of [tcp, unix, bobs]) {
      assert.equal(node.alive(pid), true);
      assert.equal((await treeOf(node, pid)).verdict, "spare");
    }
    for (const window of windows) await window.drop();

    const [one, ...others] = (await node.read(LEDGER)).trimEnd().split("\n");
    assert.deepEqual(others, []);
    const { root, user, uid, freedKiB, tagged, kind } = JSON.parse(one ?? "") as LedgerRecord;
    assert.deepEqual([root.pid, user, uid, tagged, kind], [orphan.pid, "carol", 2003, true, "closed"]);
    // A running Node is never smaller; the server may have grown since it was listed.
    assert.ok(freedKiB > 10 * 1024 && freedKiB < 2 * memoryKiB, `${freedKiB} of ${memoryKiB}`);
    const account = "vscode-grim-reaper:vscode-grim-reaper";
    assert.equal(
      await node.run(["stat", "-c", "%U:%G %a", LOG, LEDGER, METRICS]),
      `${account} 640\n${account} 640\n${account} 644\n`,
    );
    assert.match(await node.run([PROGRAM, "report"]), /^1 tree, \d+ processes, [\s\S]*^tag-past-grace +1 /m);
    assert.equal((await node.exec(["su", "bob", "-c", `${PROGRAM} report`])).status, 77);
    assert.deepEqual([await value("killed_trees_total"), await value("hook_faults_total")], [1, 0]);
  });

  const BLINDERS: readonly (readonly [setting: string, says: RegExp, status?: string])[] = [
    ["PrivateNetwork=yes", /check the unit's PrivateNetwork/],
    // Its user namespace needs a /proc that can be written to: the sweep does not even start.
    ["PrivateUsers=yes", /Failed at step USER/, "217"],
    ["RestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX", /list TCP sockets/],
    ["CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_KILL", /CAP_SYS_PTRACE is missing/],
    [
      "CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_KILL CAP_SYS_PTRACE",
      /the descriptors of no server tree could be read/,
    ],
    ["ProcSubset=pid", /cannot read the process table/],
    ["SystemCallFilter=~sendto sendmsg", /list TCP sockets/],
  ];
  it("blinded by a stricter sandbox ends nothing, fails, and says what it could not see", async () => {
    const attached = await startStandIn(node);
    const window = await attach(node, attached);
    const orphan = await startStandIn(node, { user: "bob" });
    for (const [setting, says, expected = "1"] of BLINDERS) {
      const lines = (await logged()).length;
      await dropIn(node, setting);
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

  it("is started by its timer: hourly as shipped, and for real when the site says otherwise", async () => {
    await node.run(["systemctl", "enable", "--now", TIMER]);
    const timers = await node.run(["systemctl", "show", "--value", "-p", "TimersCalendar", TIMER]);
    assert.match(timers, /OnCalendar=\*-\*-\* \*:00:00 ;/);
    const attached = await startStandIn(node);
    const window = await attach(node, attached);
    const orphan = await startStandIn(node, { user: "bob" });
    const often = "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\n";
    await node.copyIn(`/etc/systemd/system/${TIMER}.d/often.conf`, often);
    await node.run(["systemctl", "daemon-reload"]);
    await node.run(["systemctl", "restart", TIMER]);
    await until(() => assert.equal(node.alive(orphan.pid), false));
    await until(async () => assert.equal(await property("ActiveState"), "inactive\n"));
    await node.run(["systemctl", "stop", TIMER]);
    assert.equal(node.alive(attached.pid), true);
    await window.drop();
  });

  /** Has a sweep end an orphan, with this as the site's program. */
  const endOneFor = async (program: string, text: string | Buffer): Promise<void> => {
    await node.copyIn(program, text, { mode: 0o755 });
    await configure(node, `${AT_ONCE}[hooks]\nnotify = "${program}"\n`);
    await node.run(["systemctl", "start", "vscode-grim-reaper-notify.path"]);
    const server = await startStandIn(node);
    await becomes(node, server.pid, "reap");
    await sweepByUnit();
    assert.equal(node.alive(server.pid), false);
  };
  const saidByNotify = () => node.journal("-u", NOTIFY, "-o", "cat");

  it("has the site's program run with the network, but without a capability, a home or new privileges", async () => {
    await node.run(["install", "-d", "-m", "1777", "/srv/open"]);
    const probe = `#!/bin/bash
      exec >&2
      grep -E '^(NoNewPrivs|Cap)' /proc/self/status
      getent ahosts localhost
      read -r line </dev/tcp/127.0.0.1/22 && echo "$line"
      touch /srv/open/file
      ls /home
      touch /tmp/mine && chown root /tmp/mine`;
    await endOneFor("/etc/site/probe", probe);
    const capabilities = String.raw`(?:Cap\w+:\t0{16}\n){5}NoNewPrivs:\t1\n`;
    const network = String.raw`[\s\S]*^127\.0\.0\.1 +STREAM[\s\S]*^SSH-2\.0-`;
    const refused = String.raw`[\s\S]*file': Read-only[\s\S]*'/home': Permission denied[\s\S]*mine': Operation not permitted`;
    const expected = new RegExp(`${capabilities}${network}${refused}`, "m");
    await until(async () => assert.match(await saidByNotify(), expected));
  });

  it("has notify-mail's setgid mailer fail aloud; with the drop-in the mail of one user comes after the next sweep", async () => {
    // Postfix' postdrop and exim work so: setgid or setuid. A script cannot, so a program does it.
    const prepare = `install -m 0770 -g mail -d /srv/mail
      install -g mail -m 2755 /usr/bin/tee /usr/local/sbin/drop`;
    await node.run(["sh", "-ec", prepare]);
    const mailer = '#!/bin/sh\n{ echo "$*"; cat; } | /usr/local/sbin/drop -a /srv/mail/queue >/dev/null\n';
    await node.copyIn("/usr/sbin/sendmail", mailer, { mode: 0o755 });
    const example = (name: string) => readFileSync(join(repository(), "packaging/hooks", name));
    await endOneFor("/etc/site/notify-mail", example("notify-mail"));
    await until(async () =>
      assert.match(
        await saidByNotify(),
        /drop: \/srv\/mail\/queue: Permission denied[\s\S]*notify-mail: exit status 1; kept[\s\S]*\/hooks\/setuid-mailer\.conf$/m,
      ),
    );
    await node.copyIn(`/etc/systemd/system/${NOTIFY}.d/setuid-mailer.conf`, example("setuid-mailer.conf"));
    await node.run(["systemctl", "daemon-reload"]);
    await sweepByUnit();
    await until(async () =>
      assert.match(
        await node.read("/srv/mail/queue"),
        /^-oi -f root -- alice@example\.org\nFrom: root\nTo: alice@example\.org\n[\s\S]*^Why: unused since /m,
      ),
    );
    assert.equal(await node.run(["ls", "-A", "/var/lib/vscode-grim-reaper/notify/new"]), "");
  });
});
