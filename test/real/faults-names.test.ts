// The tools that know names fail, hang or talk nonsense, and the clock jumps: an exemption by name holds all the same,
// and only the time since boot counts.

import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { compile, config, Host, RUN_FOLDER, runIn, type Trouble, writeTag } from "../helpers/faults.ts";
import { temporaryFile } from "../helpers/program.ts";
import { USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

const TAGS = `${RUN_FOLDER}/tags`;
const YEARS = 10 * 365 * 86_400;

function insideNamespace(): void {
  let host: Host;
  before(async () => {
    host = await Host.start();
  });
  after(() => host.end());
  beforeEach(() => host.renew());

  /** `tool` is this shell script; the real one is /run/real. */
  const noLoginctl = existsSync("/usr/bin/loginctl") ? false : "loginctl is not installed (package systemd)";
  const inPlaceOf = (tool: string, script: string): Trouble => {
    mkdirSync("/run/fake", { recursive: true });
    const fake = temporaryFile("tool", script);
    chmodSync(fake, 0o755);
    return { before: `cp ${tool} /run/real\nmount --bind ${fake} ${tool}` };
  };
  const ALWAYS: readonly (readonly [string, string])[] = [
    ["not there", "#!/nowhere/sh\n"],
    ["killed", "#!/bin/sh\nkill -SEGV $$\n"],
    ["failing", "#!/bin/sh\nexit 3\n"],
    ["hanging", "#!/bin/sh\nexec sleep 600\n"],
    ["silent", "#!/bin/sh\n"],
    ["talking nonsense", "#!/bin/sh\necho a:b:c:d; echo x y z\n"],
    ["talking without end", "#!/bin/sh\nexec yes a:b:c:d\n"],
    ["without the name", "#!/bin/sh\nexit 2\n"],
  ];
  const USERS = 'exemptUsers = ["somebody"]\n';
  const GROUPS = 'exemptGroups = ["somegroup"]\n';
  for (const [how, script] of ALWAYS) {
    test(`getent ${how}: a user who may be exempt is spared, the fault is reported`, () => {
      const trouble = inPlaceOf("/usr/bin/getent", script);
      for (const exempt of [USERS, GROUPS]) {
        const ran = runIn(trouble, ["-vv", "-c", config(exempt)]);
        host.assertSound(true, ran.stderr);
        assert.match(ran.stderr, /cannot look up the exempt (?:user somebody|group somegroup): /);
        assert.equal(ran.status, 1, ran.stderr);
      }
      const chosen = runIn(trouble, ["-u", "somebody", "-c", config()]);
      assert.match(chosen.stderr, /cannot look up the user somebody: |there is no user somebody/);
      assert.match(String(chosen.status), /^(?:1|64)$/);
      host.assertSound(true, chosen.stderr);
    });

    test(`id ${how}: a user who may be in an exempt group is spared`, () => {
      const ran = runIn(inPlaceOf("/usr/bin/id", script), ["-vv", "-c", config('exemptGroups = ["root"]\n')]);
      host.assertSound(true, ran.stderr);
    });

    test(`loginctl ${how}: explain answers`, { skip: noLoginctl }, () => {
      const pid = host.orphan.node("server").pid;
      const ran = runIn(inPlaceOf("/usr/bin/loginctl", script), ["explain", String(pid)]);
      assert.equal(ran.status, 0, ran.stderr);
      assert.match(ran.stdout, /Verdict {2}wait/);
    });
  }

  test("getent that takes a second: the name is found, its owner exempt, others are not", () => {
    const answer = `#!/bin/sh\nsleep 1\necho somebody:x:${USER}:${USER}::/:/bin/sh\n`;
    const ran = runIn(inPlaceOf("/usr/bin/getent", answer), ["-vv", "-c", config(USERS)]);
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stderr, /user somebody is exempt/);
    host.assertSound(true, ran.stderr);
    const other = answer.replace(`x:${USER}`, `x:${USER + 1}`);
    const swept = runIn(inPlaceOf("/usr/bin/getent", other), ["-vv", "-c", config(USERS)]);
    assert.equal(swept.status, 0, swept.stderr);
    host.assertSound(false, swept.stderr);
  });

  test("neither dbus nor logind: a sweep does its work, explain answers", () => {
    const before = "mount -t tmpfs tmpfs /run\nmkdir /run/dbus";
    const pid = host.orphan.node("server").pid;
    assert.equal(runIn({ before }, ["explain", String(pid)]).status, 0);
    const ran = runIn({ before }, ["-v", "-c", config()]);
    assert.equal(ran.status, 0, ran.stderr);
    host.assertSound(false, ran.stderr);
  });

  const clock = compile("step_clock.c", "-shared", "-fPIC");
  for (const step of [YEARS, -YEARS, 3600, -3600])
    test(`the clock is ${step} s off: an orphan that is new has its grace, an old one has none`, async () => {
      const off: Trouble = { env: { LD_PRELOAD: clock, STEP: String(step) } };
      const stepped = runIn(off, ["snapshot"]);
      const { takenAt } = JSON.parse(stepped.stdout) as { takenAt: number };
      assert.ok(Math.abs(takenAt - Date.now() - step * 1000) < 60_000, "the clock did not step");
      const patient = config().replace("config.toml", "patient.toml");
      writeFileSync(patient, 'settle = "0s"\ngrace = "5m"\ntermWait = "0"\n');
      writeTag(TAGS, { closed: "now" });
      const waiting = runIn(off, ["-vv", "-c", patient]);
      assert.equal(waiting.status, 0, waiting.stderr);
      assert.match(
        waiting.stderr,
        /so two sweeps must find it so; the first sweep in (?:4m\d+s|5m) or later will end it/,
      );
      host.assertSound(true, waiting.stderr);
      // Its user has a session here, so it is looked at twice: the first look was just now.
      writeFileSync(patient, 'settle = "0s"\ngrace = "1s"\ntermWait = "0"\n');
      await sleep(1100);
      const swept = runIn(off, ["-vv", "-c", patient]);
      assert.equal(swept.status, 0, swept.stderr);
      host.assertSound(false, swept.stderr);
    });

  test("a boot clock ten days ahead (a restored time namespace) makes no tree older", () => {
    const under = ["unshare", "--time", "--boottime=864000", "--monotonic=864000", "--fork"];
    const patient = config().replace("config.toml", "patient.toml");
    writeFileSync(patient, 'settle = "0s"\ngrace = "1h"\ntermWait = "0"\n');
    const ran = runIn({ under }, ["-vv", "-c", patient]);
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stderr, /inside its grace of 1h; the first sweep in 1h or later will end it/);
    host.assertSound(true, ran.stderr);
  });
}

insidePidNamespace(import.meta.url, "faults of names and clocks", insideNamespace, { upFor: 3600 });
