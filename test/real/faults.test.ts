// A sweep that cannot see, write or look up names, or whose clock jumps. It does its work and says what failed, or it
// ends nothing and says what to look at; "nothing found" is never the answer. Real sweeps over real trees.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { FAULTS, HIDDEN, inPlaceOf, TMPFS, TOOL_IS } from "../helpers/fault-table.ts";
import {
  ageStates,
  compile,
  config,
  Host,
  outgrow,
  RUN_FOLDER,
  runIn,
  type Trouble,
  writeTag,
} from "../helpers/faults.ts";
import { bareServer } from "../helpers/ide-trees.ts";
import { temporaryFile, treeOf } from "../helpers/program.ts";
import { startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

const TAGS = `${RUN_FOLDER}/tags`;
const STATES = `${RUN_FOLDER}/states.json`;

function insideNamespace(): void {
  const host = new Host();

  for (const fault of FAULTS)
    test(`${fault.what}: ${fault.ends ? "the orphan ends" : "nothing is ended"}`, () => {
      const { settings = "", args = [], says, status = 1, ends = false, list } = fault;
      const ran = runIn(fault, ["-v", "-c", config(settings), ...args]);
      assert.match(ran.stderr, says);
      assert.doesNotMatch(ran.stderr, /^vscode-grim-reaper: +at /m, "a stack trace is not a message");
      assert.equal(ran.status, status, ran.stderr);
      host.assertSound(!ends, ran.stderr);
      assert.ok(!existsSync("/run/victim"), "written through a link");
      if (list) {
        const listed = runIn(fault, ["list"]);
        assert.match(listed.stderr, list);
        assert.equal(listed.status, status, listed.stderr);
        assert.doesNotMatch(listed.stdout, / reap /);
      }
      if (!ends) host.heal();
    });

  test("hidepid=2 and an ordinary user: no tree with a client is called an orphan", () => {
    const under = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];
    const { status, stdout, stderr } = runIn({ before: HIDDEN, under }, ["list", "--json"]);
    assert.equal(status, 0, `${stdout}${stderr}`);
    const { trees } = JSON.parse(stdout) as { trees: { root: { pid: number }; verdict: string }[] };
    const verdicts = new Map(trees.map(({ root, verdict }) => [root.pid, verdict]));
    assert.ok(verdicts.has(host.orphan.node("server").pid), stdout);
    assert.match(verdicts.get(host.neighbours.node("used").pid) ?? "none", /^(?:unknown|spare)$/);
  });

  test("a directory that is slow to name one user's subordinate uids holds back no other user's orphan", async () => {
    const subordinate = 165_536;
    await startTree(bareServer(makeHome(subordinate), subordinate));
    const answers = `${subordinate}) exec sleep 600;; ${USER}) echo alice:x:${USER}:${USER}::/:/bin/sh;;`;
    const slow = inPlaceOf(
      "/usr/bin/getent",
      `/bin/sh\nfor key; do case $key in ${answers} esac; done\nexit 2\n`,
    );
    const ranges = temporaryFile("subuid", `${USER + 1}:${subordinate}:65536\n`);
    const before = `${slow.before}\nmount --bind ${ranges} /etc/subuid`;
    const { stderr } = runIn({ before }, ["-v", "-c", config('exemptUsers = ["departed"]\n')]);
    assert.match(stderr, /cannot look up the subordinate uids that have a login: /);
    host.assertSound(false, stderr);
  });

  const noLoginctl = existsSync("/usr/bin/loginctl") ? false : "loginctl is not installed (package systemd)";
  for (const [how, script] of TOOL_IS)
    test(`loginctl ${how}: explain answers`, { skip: noLoginctl }, () => {
      const pid = host.orphan.node("server").pid;
      const ran = runIn(inPlaceOf("/usr/bin/loginctl", script), ["explain", String(pid)]);
      assert.equal(ran.status, 0, ran.stderr);
      assert.match(ran.stdout, /Verdict {2}wait/);
    });

  // ---- An orphan is ended by the second of two sweeps that are a grace apart: states and clocks.

  const sh = (text: string): void => {
    const { status, stderr } = spawnSync("sh", ["-ec", text], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  };
  const patient = (grace: string): string =>
    temporaryFile("config.toml", `settle = "0s"\ngrace = "${grace}"\ntermWait = "0"\n`);
  const twoSweeps = patient("1s");
  const prepare = `rm -rf ${RUN_FOLDER}; mkdir -p -m 700 ${RUN_FOLDER}`;
  const sweeps = (
    says: RegExp,
    orphanLives: boolean,
    status = 0,
    trouble: Trouble = {},
    file = twoSweeps,
  ): void => {
    const ran = runIn(trouble, ["-vv", "-c", file]);
    assert.match(ran.stderr, says);
    assert.equal(ran.status, status, ran.stderr);
    host.assertSound(orphanLives, ran.stderr);
  };

  for (const [what, make, says] of [
    ["half a file", `echo '{"bootId":"x","ma' > ${STATES}`, /read .*states\.json: .*JSON/],
    ["a gigabyte", `truncate -s 1G ${STATES}`, /states\.json: it is larger than 16777216 bytes/],
    ["a pipe", `mkfifo ${STATES}`, /states\.json: it is not a regular file/],
    ["a link", `ln -s /etc/shadow ${STATES}`, /states\.json: ELOOP/],
    ["a folder", `mkdir ${STATES}`, /states\.json: it is not a regular file; remove it/],
  ] as const)
    test(`states that are ${what} hang nothing and end no tree; a new file is made where one can be`, async () => {
      await outgrow(host.orphan.node("server"));
      sh(`${prepare}; ${make}`);
      sweeps(says, true, 1);
      if (what === "a folder") {
        sh(`rmdir ${STATES}`);
        sweeps(/this sweep is the first to find it unused/, true);
      }
      ageStates();
      sweeps(/Killed 4/, false);
    });

  test("the state folder fills up after the lock: the sweep says that it could not mark the orphan", async () => {
    await outgrow(host.orphan.node("server"));
    sh(prepare);
    const full = `${TMPFS} -o size=64k,mode=700 tmpfs ${RUN_FOLDER}
touch ${RUN_FOLDER}/lock
cat /dev/zero > ${RUN_FOLDER}/full 2>/dev/null || true`;
    sweeps(/cannot write the states of trees: ENOSPC/, true, 1, { before: full });
    assert.ok(!existsSync(STATES));
    sweeps(/this sweep is the first to find it unused/, true);
    ageStates();
    sweeps(/Killed 4/, false);
  });

  test("a tag of an earlier boot is ignored", () => {
    const isTagged = () => treeOf(host.orphan.node("server").pid)?.tagged;
    writeTag(TAGS, { closed: "now", bootId: "11111111-2222-3333-4444-555555555555" });
    assert.equal(isTagged(), false);
    writeTag(TAGS, { closed: "now" });
    assert.equal(isTagged(), true);
    sh(prepare);
  });

  const clock = compile("test/real/step_clock.c", "-shared", "-fPIC");
  const TEN_YEARS = 10 * 365 * 86_400;
  for (const step of [TEN_YEARS, -TEN_YEARS])
    test(`the clock is ${step} s off: an orphan that is new has its grace, an old one has none`, async () => {
      sh(prepare);
      const off: Trouble = { env: { LD_PRELOAD: clock, STEP: String(step) } };
      const { takenAt } = JSON.parse(runIn(off, ["snapshot"]).stdout) as { takenAt: number };
      assert.ok(Math.abs(takenAt - Date.now() - step * 1000) < 60_000, "the clock did not step");
      writeTag(TAGS, { closed: "now" });
      // Its user has a session here, so two sweeps must find it an orphan.
      sweeps(
        /so two sweeps must find it so; the first sweep in (?:4m\d+s|5m) or later/,
        true,
        0,
        off,
        patient("5m"),
      );
      await outgrow(host.orphan.node("server"));
      sh(`rm ${TAGS}/*`);
      ageStates();
      sweeps(/Killed 4/, false, 0, off);
    });

  test("a boot clock ten days ahead (a restored time namespace) makes no tree older", () => {
    const under = ["unshare", "--time", "--boottime=864000", "--monotonic=864000", "--fork"];
    const ran = runIn({ under }, ["-vv", "-c", patient("1h")]);
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stderr, /inside its grace of 1h; the first sweep in 1h or later will end it/);
    host.assertSound(true, ran.stderr);
  });
}

insidePidNamespace(import.meta.url, "faults", insideNamespace, { upFor: 3600 });
