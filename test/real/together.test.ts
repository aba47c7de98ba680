// Many at once: sweeps beside sweeps, logouts beside sweeps. One sweep works, the others step aside; every tag is whole,
// and those of trees that stay stay.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { readTags } from "../../src/shell/store/tags.ts";
import { Host, RUN_FOLDER } from "../helpers/faults.ts";
import { PROGRAM, type Ran, start, succeeds, temporaryFile } from "../helpers/program.ts";
import { USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

const TAGS = join(RUN_FOLDER, "tags");
const BOOT_ID = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
const HOOK = ["build/session-close", "build/core/session-close"].find((path) => existsSync(path));

const sweepNow = (file: string, ...args: readonly string[]): Promise<Ran> =>
  start(process.execPath, [PROGRAM, "-v", "-c", file, ...args]);

/** A logout of the user, as pam_exec would end it. */
const logOut = (): Promise<Ran> => {
  const script = `echo ${USER} > /proc/self/loginuid && exec "$0"`;
  return start("/bin/sh", ["-c", script, resolve(HOOK ?? "")]);
};

function insideNamespace(): void {
  const host = new Host();

  test("eight sweeps at once: one ends the orphan, once; whoever met it working says 75", async () => {
    // Long enough for all of them to meet.
    const file = temporaryFile("config.toml", 'settle = "0s"\ngrace = "0"\ntermWait = "5s"\n');
    const log = temporaryFile("reaper.log", "");
    const ran = await Promise.all(Array.from({ length: 8 }, () => sweepNow(file, "-l", log)));
    const statuses = ran.map(({ status }) => status);
    assert.deepEqual([...new Set(statuses)].sort(), [0, 75], JSON.stringify(ran));
    assert.equal(statuses.filter((status) => status === 0).length, 1, JSON.stringify(statuses));
    for (const { status, stderr } of ran)
      if (status === 75)
        assert.match(stderr, /another sweep is running \(it holds .*lock\); wait for it to end/);
    assert.equal(readFileSync(log, "utf8").match(/Killed 4 process\(es\)/g)?.length, 1);
    host.assertSound(false, "eight sweeps");
    host.heal();
  });

  const skip = !HOOK ? "needs session-close" : existsSync("/proc/self/loginuid") ? false : "needs audit";
  test("fifty logouts beside sweeps: every tag is whole, and that of the tree in its grace stays", {
    skip,
  }, async (t) => {
    const patient = temporaryFile("config.toml", 'settle = "0s"\ngrace = "1h"\ntermWait = "0"\n');
    const own = `${USER}.json`;
    assert.equal((await logOut()).status, 0);
    assert.ok(existsSync(join(TAGS, own)), "the hook wrote no tag");
    let left = 50;
    let sweeps = 0;
    const logouts = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const ran = await logOut();
        assert.equal(ran.status, 0, ran.stderr);
      }
    };
    const sweeping = async (): Promise<void> => {
      do {
        const ran = await sweepNow(patient);
        assert.equal(ran.status, 0, ran.stderr);
        assert.ok(existsSync(join(TAGS, own)), "a tag is lost");
        assert.deepEqual(readTags(RUN_FOLDER, BOOT_ID).faults, []);
        sweeps += 1;
      } while (left > 0);
    };
    await Promise.all([sweeping(), ...Array.from({ length: 2 }, logouts)]);
    host.assertSound(true, "in its grace");
    const temporary = readdirSync(TAGS).filter((name) => !/^\d+\.json$/.test(name));
    assert.deepEqual(temporary, [], "a temporary file stays");
    t.diagnostic(`50 logouts beside ${sweeps} sweeps`);
    succeeds(["-c", patient]);
    assert.deepEqual(readdirSync(TAGS), [own]);
    host.heal();
  });
}

insidePidNamespace(import.meta.url, "many at once", insideNamespace);
