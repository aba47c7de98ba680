// The site's notify program, with real trees.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { config, run, succeeds, temporaryFolder } from "../helpers/program.ts";
import { living } from "../helpers/puppet.ts";
import { as, other, STATE, server, uid, usersSuite } from "../helpers/users-side.ts";

const SPOOL = `${STATE}/notify`;

function hooks(): void {
  const folder = temporaryFolder();
  const program = (name: string, text: string): string => {
    const file = join(folder, name);
    rmSync(file, { force: true });
    writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return file;
  };

  test("notify is left a line for each tree that was ended, and run for it by its own command", async () => {
    const stages = [await server(), await server(other)];
    const site = config(`[hooks]\nnotify = "${program("notify", `cat >>${folder}/told`)}"\n`);
    succeeds(["-n", "-c", site]);
    assert.ok(!existsSync(SPOOL), "a dry run ended nothing");
    succeeds(["-c", site]);
    assert.deepEqual(stages.flatMap(living), []);
    assert.ok(!existsSync(join(folder, "told")), "not inside the sweep");
    assert.equal(readdirSync(`${SPOOL}/new`).length, 2);
    assert.equal(as(uid, "run-notify").status, 77);
    succeeds(["run-notify", "-c", site]);
    const lines = readFileSync(join(folder, "told"), "utf8").trim().split("\n");
    const told = lines.map((line) => {
      const { event, uid, outcome, costs } = JSON.parse(line);
      return [event, uid, outcome.killed, costs.processes];
    });
    assert.deepEqual(told, [
      ["ended", uid, 1, 1],
      ["ended", other, 1, 1],
    ]);
    assert.deepEqual([readdirSync(`${SPOOL}/new`), readdirSync(`${SPOOL}/kept`)], [[], []]);
  });

  test("a notify program that fails is run again after the next sweep", async () => {
    mkdirSync(STATE, { recursive: true });
    await server();
    const file = program("notify", `[ -e ${folder}/up ] || exit 4; cat >>${folder}/again`);
    const site = config(`[hooks]\nnotify = "${file}"\n`);
    succeeds(["-c", site]);
    const failed = run(["run-notify", "-c", site]);
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /exit status 4; kept; tried again after the next sweep/);
    assert.equal(run(["run-notify", "-c", site]).status, 0, "nothing waits");
    writeFileSync(join(folder, "up"), "");
    succeeds(["-c", site]);
    succeeds(["run-notify", "-c", site]);
    assert.equal(readFileSync(join(folder, "again"), "utf8").trim().split("\n").length, 1);
  });
}

usersSuite(import.meta.url, "the site's programs", hooks);
