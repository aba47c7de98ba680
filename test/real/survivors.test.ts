/** A process of one user's that nothing ends, because its file system does not answer, costs one sweep and not every one. */

import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { after, before, test } from "node:test";
import { COMMIT } from "../helpers/ide-trees.ts";
import { config, type Ran, run } from "../helpers/program.ts";
import { readStat } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";
import { installStalled, mountStalled, type Stalled, type StalledFileSystem } from "../helpers/stalled.ts";

insidePidNamespace(import.meta.url, "a process that nothing ends", insideNamespace, {
  skip: existsSync("/dev/fuse") ? false : "needs /dev/fuse",
});

const uid = USER;
const STATES = "/run/vscode-grim-reaper/states.json";
const LAST_SWEEP = "/var/lib/vscode-grim-reaper/last-sweep.json";

function sweep(): { readonly ran: Ran; readonly took: number } {
  const began = performance.now();
  const ran = run(["sweep", "--force", "-v", "-c", config()]);
  return { ran, took: performance.now() - began };
}

const readJson = (file: string): Record<string, unknown> => JSON.parse(readFileSync(file, "utf8"));

function insideNamespace(): void {
  let files: StalledFileSystem;
  let stuck: Stalled;
  before(async () => {
    files = await mountStalled();
    const root = `${makeHome(uid)}/.vscode-server/bin/${COMMIT}`;
    installStalled(`${root}/node`);
    stuck = await files.start(`${root}/node`, [`${root}/out/server-main.js`, "--start-server"], uid);
  });
  after(() => files.end());

  test("it is reported by every sweep, fails the first alone, is waited for once, and freezes no record", () => {
    const failure = new RegExp(`Failed to kill 1 process\\(es\\) under pid ${stuck.pid} \\(uid ${uid}\\)`);
    const first = sweep();
    assert.equal(first.ran.status, 1, first.ran.stderr);
    assert.match(first.ran.stderr, failure);
    assert.deepEqual(readJson(STATES).survivors, [
      { pid: stuck.pid, startTime: readStat(stuck.pid).startTime },
    ]);

    const second = sweep();
    assert.equal(second.ran.status, 0, second.ran.stderr);
    assert.match(second.ran.stderr, failure);
    // termWait and five rounds of two seconds.
    assert.ok(first.took - second.took > 8000, `${first.took} ms, then ${second.took} ms`);
    const last = readJson(LAST_SWEEP);
    assert.equal(last.lastGood, last.at);
    assert.equal(last.survivors, 1);

    rmSync(STATES);
    const forgotten = sweep();
    assert.equal(forgotten.ran.status, 1, "a survivor that no sweep has reported fails the sweep");
    assert.equal(readJson(LAST_SWEEP).lastGood, readJson(LAST_SWEEP).at);
  });
}
