// The site's veto and notify programs, with real trees.
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../helpers/program.ts";
import { living } from "../helpers/puppet.ts";
import { as, config, other, STATE, server, uid, usersSuite } from "../helpers/users-side.ts";

const SPOOL = `${STATE}/notify`;

function hooks(): void {
  const folder = mkdtempSync(join(tmpdir(), "reaper-site-"));
  const program = (name: string, text: string): string => {
    const file = join(folder, name);
    rmSync(file, { force: true });
    writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return file;
  };
  const vetoing = (text: string): string => config(`[hooks]\nveto = "${program("veto", text)}"\n`);

  test("a veto spares one tree, with its reason in the log, and the other ends", async () => {
    const [mine, theirs] = [await server(), await server(other)];
    const site = vetoing(
      `line=$(cat); echo "$line" >>${folder}/asked
       case $line in *'"uid":${uid},'*) echo "maintenance"; exit 10 ;; esac`,
    );
    const swept = run(["-v", "-c", site]);
    assert.equal(swept.status, 0, swept.stderr);
    assert.equal(living(mine).length, 1);
    assert.deepEqual(living(theirs), []);
    assert.match(
      swept.stderr,
      new RegExp(`Spared 1 process under pid \\d+ \\(uid ${uid}\\): the site's veto: maintenance`),
    );
    const asked = readFileSync(join(folder, "asked"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(asked.map((tree) => tree.uid).sort(), [uid, other]);
    assert.ok(
      asked.every((tree) => tree.schemaVersion === 1 && tree.verdict === "reap" && tree.dryRun === false),
    );
    // Without the veto, the next sweep ends it.
    assert.equal(run(["-c", config()]).status, 0);
    assert.deepEqual(living(mine), []);
  });

  for (const [what, text] of [
    ["fails", "exit 3"],
    ["is killed", "kill -9 $$"],
    ["does not answer within 5 s", "sleep 30"],
  ] as const)
    test(`a veto program that ${what} spares the tree, and the sweep says so`, async () => {
      const stage = await server();
      const swept = run(["-c", vetoing(text)]);
      assert.equal(swept.status, 1);
      assert.match(swept.stderr, /cannot ask \S+\/veto about the tree of \d+: /i);
      assert.equal(living(stage).length, 1, swept.stderr);
      assert.equal(run(["-c", config()]).status, 0);
    });

  test("a program that others can write is not run, spares, and check-config names it", async () => {
    const stage = await server();
    const site = vetoing(`touch ${folder}/ran; exit 0`);
    const file = join(folder, "veto");
    chmodSync(file, 0o757);
    assert.equal(run(["-c", site]).status, 1);
    assert.equal(living(stage).length, 1);
    assert.ok(!existsSync(join(folder, "ran")));
    const checked = run(["check-config", site]);
    assert.equal(checked.status, 1);
    assert.match(checked.stderr, /hooks\.veto: \S+veto: can be written by others/);
    assert.equal(run(["-c", config()]).status, 0);
  });

  test("a veto can spare and never ends: it is not asked about a tree that stays", async () => {
    const stage = await server();
    const file = program("veto", `touch ${folder}/asked-anyway; exit 0`);
    const site = config(`exemptUsers = [${uid}]\n[hooks]\nveto = "${file}"\n`);
    assert.equal(run(["-f", "-c", site]).status, 0);
    assert.equal(living(stage).length, 1);
    assert.ok(!existsSync(join(folder, "asked-anyway")));
    assert.equal(run(["-c", config()]).status, 0);
  });

  test("--force does not override a veto, --include-exempt does; a dry run asks and says so", async () => {
    const stage = await server();
    const site = vetoing(`grep -q '"dryRun":true' && touch ${folder}/dry; echo no; exit 10`);
    assert.match(run(["-n", "-c", site]).stderr, /Spared .*: the site's veto: no/);
    assert.ok(existsSync(join(folder, "dry")));
    assert.equal(run(["-f", "-c", site]).status, 0);
    assert.equal(living(stage).length, 1);
    assert.equal(run(["-f", "--include-exempt", "-c", site]).status, 0);
    assert.deepEqual(living(stage), []);
  });

  test("a user's own end does not run root's programs", async () => {
    const stage = await server();
    const site = vetoing(`touch ${folder}/by-user; exit 10`);
    assert.equal(as(uid, "end", "-c", site).status, 0);
    assert.deepEqual(living(stage), []);
    assert.ok(!existsSync(join(folder, "by-user")));
  });

  test("notify is left a line for each tree that was ended, and run for it by its own command", async () => {
    const stages = [await server(), await server(other)];
    const site = config(`[hooks]\nnotify = "${program("notify", `cat >>${folder}/told`)}"\n`);
    const listed = JSON.parse(run(["list", "--json", "-c", site]).stdout) as {
      trees: { costs: { cpuSeconds: number; inotifyWatches: number; processes: number } }[];
      users: { uid: number; trees: number }[];
    };
    assert.deepEqual(
      listed.trees.map(({ costs }) => [typeof costs.cpuSeconds, costs.inotifyWatches, costs.processes]),
      [
        ["number", 0, 1],
        ["number", 0, 1],
      ],
    );
    assert.deepEqual(listed.users.map((user) => [user.uid, user.trees]).sort(), [
      [uid, 1],
      [other, 1],
    ]);
    assert.equal(run(["-n", "-c", site]).status, 0);
    assert.ok(!existsSync(SPOOL), "a dry run ended nothing");
    assert.equal(run(["-c", site]).status, 0);
    assert.deepEqual(stages.flatMap(living), []);
    assert.ok(!existsSync(join(folder, "told")), "not inside the sweep");
    assert.equal(readdirSync(`${SPOOL}/new`).length, 2);
    assert.equal(as(uid, "run-notify").status, 77);
    assert.equal(run(["run-notify"]).status, 0);
    const told = readFileSync(join(folder, "told"), "utf8")
      .trim()
      .split("\n")
      .map(
        (line) =>
          JSON.parse(line) as {
            event: string;
            uid: number;
            outcome: { killed: number };
            costs: { inotifyWatches: number };
          },
      );
    assert.deepEqual(
      told.map((one) => [one.event, one.uid, one.outcome.killed, one.costs.inotifyWatches]),
      [
        ["ended", uid, 1, 0],
        ["ended", other, 1, 0],
      ],
    );
    assert.deepEqual([readdirSync(`${SPOOL}/new`), readdirSync(`${SPOOL}/kept`)], [[], []]);
  });

  test("a notify program that fails is run again after the next sweep", async () => {
    mkdirSync(STATE, { recursive: true });
    await server();
    const site = config(
      `[hooks]\nnotify = "${program("notify", `[ -e ${folder}/up ] || exit 4; cat >>${folder}/again`)}"\n`,
    );
    assert.equal(run(["-c", site]).status, 0);
    const failed = run(["run-notify"]);
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /exit status 4; kept; tried again after the next sweep/);
    assert.equal(run(["run-notify"]).status, 0, "nothing waits");
    writeFileSync(join(folder, "up"), "");
    assert.equal(run(["-c", site]).status, 0);
    assert.equal(run(["run-notify"]).status, 0);
    assert.equal(readFileSync(join(folder, "again"), "utf8").trim().split("\n").length, 1);
  });
}

usersSuite(import.meta.url, "the site's programs", hooks);
