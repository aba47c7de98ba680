// A user can make the reading of a command line hang in the kernel for ever: nothing may hang with it.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { HostDocument } from "../../src/core/report/json.ts";
import { COMMIT, legacy } from "../helpers/ide-trees.ts";
import { config, type Ran, run, succeeds, temporaryFile } from "../helpers/program.ts";
import { living, readStat, startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";
import {
  hangsReaders,
  installStalled,
  mountStalled,
  type Stalled,
  type StalledFileSystem,
} from "../helpers/stalled.ts";

insidePidNamespace(import.meta.url, "reads that hang", insideNamespace, {
  skip: existsSync("/dev/fuse") ? false : "needs /dev/fuse",
});

const uid = USER;
const other = USER + 1;

/** Runs the program, which must not hang: `run` fails if it does not return. */
const runToEnd = (...args: readonly string[]): Ran => succeeds([...args, "-c", config()]);

const unread = (pid: number): RegExp =>
  new RegExp(`cannot read the command line of process ${pid}: no answer in time`);

function insideNamespace(): void {
  let files: StalledFileSystem;
  const stuck: Stalled[] = [];
  const startStuck = async (count: number): Promise<void> => {
    const root = `${makeHome(uid)}/.vscode-server/bin/${COMMIT}`;
    installStalled(`${root}/node`);
    const argv = [`${root}/out/server-main.js`, "--start-server", "--port=0"];
    for (let i = 0; i < count; i++) stuck.push(await files.start(`${root}/node`, argv, uid));
  };
  const first = (): Stalled => stuck[0] ?? { pid: -1, child: -1 };

  before(async () => {
    files = await mountStalled();
    await startStuck(1);
  });
  after(() => files.end());

  test("its command line cannot be read by anybody", () => {
    assert.ok(hangsReaders(first().pid));
    assert.ok(!hangsReaders(first().child));
  });

  test("snapshot, list and explain answer and name the process", () => {
    const { pid } = first();
    const { processes, counts, faults } = JSON.parse(runToEnd("snapshot").stdout);
    const seen = processes.find((process: { pid: number }) => process.pid === pid);
    assert.equal(seen.argvStatus, "timeout");
    assert.match(seen.exe, /\/node$/);
    assert.equal(counts.timedOut, 1);
    const fault = { what: "read the command line", pid, detail: "no answer in time" };
    assert.deepEqual(faults, [fault]);
    const { trees, errors } = JSON.parse(runToEnd("list", "--json").stdout) as HostDocument;
    assert.deepEqual(errors, [fault]);
    assert.equal(trees.map(({ root, verdict }) => `${root.pid} ${verdict}`).join(), `${pid} unknown`);
    assert.match(runToEnd("list").stderr, unread(pid));
    const explain = runToEnd("explain", String(pid));
    assert.match(explain.stdout, /Verdict {2}unknown/);
    assert.match(explain.stdout, new RegExp(`the command line of ${pid} could not be read`));
  });

  test("a sweep ends every other orphan and leaves the stuck tree alone", async () => {
    const stage = await startTree([
      legacy(makeHome(uid), { uid }),
      legacy(makeHome(other), { uid: other, prefix: "other-" }),
    ]);
    const { pid, child } = first();
    const swept = runToEnd("sweep", "-vv");
    assert.match(swept.stderr, unread(pid));
    assert.match(swept.stderr, new RegExp(`unknown: tree ${pid} `));
    assert.match(swept.stderr, /Killed 7 process\(es\) under pid \d+ \(uid 64001\)/);
    assert.match(swept.stderr, /Killed 7 process\(es\) under pid \d+ \(uid 64002\)/);
    assert.deepEqual(living(stage), []);
    assert.ok(existsSync(`/proc/${pid}`) && existsSync(`/proc/${child}`), "the stuck tree was touched");
  });

  test("many stuck processes of one user cost that user, not the others and not the sweep", async () => {
    await startStuck(11);
    const stage = await startTree(legacy(makeHome(other), { uid: other }));
    const swept = runToEnd("sweep", "-v");
    assert.deepEqual(living(stage), []);
    for (const { pid } of stuck) {
      assert.match(swept.stderr, new RegExp(`cannot read the command line of process ${pid}: `));
      assert.ok(existsSync(`/proc/${pid}`), `${pid} was touched`);
    }
  });

  test("--force ends what it can; what it cannot is named by each sweep, fails the first alone, is waited for once", () => {
    // `run` fails when the second sweep waits for it.
    const patient = temporaryFile("config.toml", 'settle = "0s"\ntermWait = "10m"\n');
    for (const [file, status] of [
      [config(), 1],
      [patient, 0],
    ] as const) {
      const swept = run(["sweep", "--force", "--yes", "-v", "-c", file]);
      assert.equal(swept.status, status, swept.stderr);
      for (const { pid } of stuck) {
        const named = `Failed to kill 1 process(es) under pid ${pid} (uid ${uid})`;
        assert.ok(swept.stderr.includes(named), swept.stderr);
      }
    }
    const { survivors } = readJson("/run/vscode-grim-reaper/states.json");
    const left = stuck.map(({ pid }) => ({ pid, startTime: readStat(pid).startTime }));
    assert.deepEqual(survivors, left);
    // Its parent cannot collect it.
    for (const { child } of stuck) assert.equal(readStat(child).state, "Z");
    const last = readJson("/var/lib/vscode-grim-reaper/last-sweep.json");
    assert.equal(last.survivors, stuck.length);
    assert.equal(last.lastGood, last.at, "known survivors fail no sweep");
  });
}

const readJson = (file: string): Record<string, unknown> => JSON.parse(readFileSync(file, "utf8"));
