// Nowhere to write, and rubbish where the state is kept: real sweeps over real trees.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertRefused, config, Host, PROGRAM, RUN_FOLDER, runIn, writeTag } from "../helpers/faults.ts";
import { run, temporaryFile } from "../helpers/program.ts";
import { eventually } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

const TAGS = `${RUN_FOLDER}/tags`;
const STATES_FILE = `${RUN_FOLDER}/states.json`;
/** An orphan is ended by the second of two sweeps that are a grace of one second apart. */
const TWO_SWEEPS = temporaryFile("two-sweeps.toml", 'settle = "0s"\ngrace = "1s"\ntermWait = "0"\n');
const LONGER_THAN_GRACE_MS = 1100;
const FULL = (at: string): string =>
  `mkdir -p ${at}
mount -t tmpfs -o size=64k,mode=755 tmpfs ${at}
cat /dev/zero > ${at}/full 2>/dev/null || true`;

function sh(text: string): void {
  const { status, stderr } = spawnSync("sh", ["-ec", text], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

insidePidNamespace(import.meta.url, "faults of storage", insideNamespace, { upFor: 3600 });

function insideNamespace(): void {
  let host: Host;
  before(async () => {
    host = await Host.start();
  });
  after(() => host.end());
  beforeEach(async () => {
    sh(`rm -rf ${RUN_FOLDER}`);
    await host.renew();
  });

  const LOGS: readonly (readonly [string, string, string, RegExp])[] = [
    ["a full disk", FULL("/mnt"), "/mnt/log", /cannot write to the log file \/mnt\/log: ENOSPC/],
    ["a device that is always full", "true", "/dev/full", /cannot write to the log file \/dev\/full: ENOSPC/],
    ["no folder", "true", "/nowhere/log", /cannot open the log file \/nowhere\/log: ENOENT/],
    ["a folder in its place", "true", "/run", /cannot open the log file \/run: EISDIR/],
    ["a link in its place", "ln -s /run/victim /run/link", "/run/link", /cannot open the log file .*ELOOP/],
    [
      "a pipe without a reader",
      "mkfifo /run/pipe",
      "/run/pipe",
      /cannot open the log file \/run\/pipe: ENXIO/,
    ],
    [
      "a read-only file system",
      "mount -t tmpfs -o ro tmpfs /mnt",
      "/mnt/log",
      /cannot open the log file \/mnt\/log: EROFS/,
    ],
    [
      "a log that root may not extend",
      "touch /run/log\nmount --bind -o ro /run/log /run/log\nmount -o remount,ro,bind /run/log",
      "/run/log",
      /cannot open the log file \/run\/log: EROFS/,
    ],
  ];
  for (const [what, before, log, says] of LOGS)
    test(`the log: ${what}; the sweep does its work and says so`, () => {
      const ran = runIn({ before }, ["-v", "-c", config(), "-l", log]);
      assert.match(ran.stderr, says);
      assert.match(ran.stderr, /logging to standard error instead/);
      assert.match(ran.stderr, /Killed 4 process\(es\) under pid/);
      assert.equal(ran.status, 1, ran.stderr);
      host.assertSound(false, ran.stderr);
      assert.ok(!existsSync("/run/victim"), "written through a link");
    });

  const STATES: readonly (readonly [string, string, RegExp])[] = [
    [
      "a full one",
      `mkdir ${RUN_FOLDER}\nmount -t tmpfs -o nr_inodes=1,mode=700 tmpfs ${RUN_FOLDER}`,
      /cannot use \/run\/vscode-grim-reaper: .*No space left/,
    ],
    ["no room for the folder", "mount -t tmpfs -o nr_inodes=1 tmpfs /run", /cannot use .*ENOSPC/],
    [
      "a read-only one",
      `mkdir ${RUN_FOLDER}\nmount -t tmpfs -o ro,mode=700 tmpfs ${RUN_FOLDER}`,
      /Read-only file system/,
    ],
    ["a read-only /run", "mount -t tmpfs -o ro tmpfs /run", /cannot use .*EROFS/],
    [
      "one that others may write",
      `mkdir -m 1777 ${RUN_FOLDER}`,
      /is not a folder that only this user can write/,
    ],
    ["a link", `mkdir /run/elsewhere\nln -s /run/elsewhere ${RUN_FOLDER}`, /remove it and try again/],
    ["a file", `touch ${RUN_FOLDER}`, /is not a folder .*; remove it and try again/],
    ["a folder as the lock", `mkdir -p -m 700 ${RUN_FOLDER}/lock`, /lock: Is a directory/],
    ["a pipe as the lock", `mkdir -m 700 ${RUN_FOLDER}\nmkfifo ${RUN_FOLDER}/lock`, /is not a regular file/],
  ];
  for (const [what, before, says] of STATES)
    test(`the state folder: ${what}; nothing is ended, the next sweep does`, () => {
      const ran = runIn({ before: `mount -t tmpfs tmpfs /run\n${before}` }, ["-v", "-c", config()]);
      assertRefused(host, ran, says);
      host.heal();
    });

  test("the state folder fills up after the lock: the orphan is not marked, the sweep says so, the next one marks it", async () => {
    const full = `mkdir -m 700 -p ${RUN_FOLDER}
mount -t tmpfs -o size=64k,mode=700 tmpfs ${RUN_FOLDER}
touch ${RUN_FOLDER}/lock
cat /dev/zero > ${RUN_FOLDER}/full 2>/dev/null || true`;
    // Younger than its grace a tree gets no mark.
    await sleep(LONGER_THAN_GRACE_MS);
    const ran = runIn({ before: full }, ["-v", "-c", TWO_SWEEPS]);
    assertRefused(host, ran, /cannot write the states of trees: ENOSPC/);
    assert.ok(!existsSync(STATES_FILE));
    assert.equal(run(["-c", TWO_SWEEPS]).status, 0);
    host.assertSound(true, "only marked");
    await sleep(LONGER_THAN_GRACE_MS);
    assert.equal(run(["-c", TWO_SWEEPS]).status, 0);
    host.assertSound(false, "seen twice");
  });

  const prepare = `mkdir -p -m 700 ${TAGS}; chmod 700 ${RUN_FOLDER}`;
  const TAGGED: readonly (readonly [string, string, RegExp])[] = [
    [
      "half of one",
      `echo '{"schemaVersion":1,"boo' > ${TAGS}/7.json`,
      /read a tag: 7\.json: .*; remove it from/,
    ],
    ["an empty file", `touch ${TAGS}/7.json`, /read a tag: 7\.json: .*; remove it from/],
    ["a folder", `mkdir ${TAGS}/7.json`, /7\.json: it is not a regular file.*; remove it from/],
    ["a pipe", `mkfifo ${TAGS}/7.json`, /7\.json: it is not a regular file.*; remove it from/],
    ["a link", `ln -s /etc/passwd ${TAGS}/7.json`, /7\.json: ELOOP.*; remove it from/],
    ["a gigabyte", `truncate -s 1G ${TAGS}/7.json`, /read a tag: 7\.json: .*; remove it from/],
    ["a socket's place", `ln -s /dev/zero ${TAGS}/a`, /read a tag: a: .*; remove it from/],
  ];
  for (const [what, make, says] of TAGGED)
    test(`a tag that is ${what} hangs nothing, protects no tree and is reported with its remedy`, () => {
      sh(`${prepare}\n${make}`);
      const ran = run(["-v", "-c", config()]);
      assert.match(ran.stderr, says);
      assert.equal(ran.status, 1, ran.stderr);
      host.assertSound(false, ran.stderr);
      sh(`rm -rf ${TAGS}/*`);
      host.heal();
    });

  const MARKED: readonly (readonly [string, string, RegExp, boolean])[] = [
    ["half a file", `echo '{"bootId":"x","ma' > ${STATES_FILE}`, /read .*states\.json: .*JSON/, true],
    ["a gigabyte", `truncate -s 1G ${STATES_FILE}`, /states\.json: it is larger than 16777216 bytes/, true],
    ["a pipe", `mkfifo ${STATES_FILE}`, /states\.json: it is not a regular file/, true],
    ["a link", `ln -s /etc/shadow ${STATES_FILE}`, /states\.json: ELOOP/, true],
    ["a folder", `mkdir ${STATES_FILE}`, /states\.json: it is not a regular file; remove it/, false],
  ];
  for (const [what, make, says, heals] of MARKED)
    test(`states that are ${what} hang nothing and end no tree${heals ? "; the next sweep has new ones" : ""}`, async () => {
      for (const settings of [config(), TWO_SWEEPS]) {
        await host.renew();
        if (settings === TWO_SWEEPS) await sleep(LONGER_THAN_GRACE_MS);
        sh(`rm -rf ${RUN_FOLDER}\n${prepare}\n${make}`);
        const ran = run(["-v", "-c", settings]);
        assert.match(ran.stderr, says);
        assert.equal(ran.status, 1, ran.stderr);
        host.assertSound(settings === TWO_SWEEPS, ran.stderr);
        if (!heals) sh(`rmdir ${STATES_FILE}`);
        await sleep(LONGER_THAN_GRACE_MS);
        const next = run(["-v", "-c", settings]);
        assert.equal(next.status, 0, next.stderr);
        host.assertSound(settings === TWO_SWEEPS && !heals, "the first sweep made the states afresh");
      }
    });

  test("a tag of an earlier boot dates nothing", () => {
    writeTag(TAGS, { closed: "now", bootId: "11111111-2222-3333-4444-555555555555" });
    const { trees } = JSON.parse(run(["list", "--json", "-c", config()]).stdout) as {
      trees: { root: { pid: number }; tagged: boolean }[];
    };
    const found = trees.find(({ root }) => root.pid === host.orphan.node("server").pid);
    assert.equal(found?.tagged, false);
    writeTag(TAGS, { closed: "now" });
    const [again] = JSON.parse(run(["list", "--json", "-c", config()]).stdout).trees;
    assert.equal(again?.tagged, true);
  });

  test("an addon that is not there, or not this machine's: 70, and how to get one", async () => {
    const dist = dirname(PROGRAM);
    const addon = join(dist, "reaper_native.node");
    const CASES: readonly (readonly [string, RegExp])[] = [
      [
        "true",
        /^vscode-grim-reaper: no native addon at .*reaper_native\.node.*; build it with: npm run build:native$/m,
      ],
      [
        "touch /run/p/d/reaper_native.node",
        /cannot load the native addon .*file too short; install the package/,
      ],
      [
        `cp ${addon} /run/p/d\nprintf '\\001' | dd of=/run/p/d/reaper_native.node bs=1 seek=4 conv=notrunc 2>/dev/null`,
        /cannot load the native addon .*ELF.*; install the package for this machine/,
      ],
      [
        `cp ${addon} /run/p/d\nprintf '\\267' | dd of=/run/p/d/reaper_native.node bs=1 seek=18 conv=notrunc 2>/dev/null`,
        /cannot load the native addon .*; install the package for this machine/,
      ],
      ["mkdir /run/p/d/reaper_native.node", /no native addon at .*; build it with/],
    ];
    for (const [make, says] of CASES) {
      const before = `mount -t tmpfs tmpfs /run\nmkdir -p /run/p/d\ncp ${dist}/*.cjs /run/p/d\n${make}`;
      for (const command of [["-c", config()], ["list"]])
        assertRefused(
          host,
          runIn({ before, program: join("/run/p/d", basename(PROGRAM)) }, command),
          says,
          70,
        );
    }
    await eventually(() => !host.orphanIsGone, "the orphan is whole");
    host.heal();
  });
}
