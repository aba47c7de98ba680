// The ledger, the report and the metrics of real sweeps, by the built program, as root in a pid namespace of their own.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readExposition, seriesValue } from "../helpers/exposition.ts";
import { bareServer, legacy, sleeper } from "../helpers/ide-trees.ts";
import { recordsIn } from "../helpers/ledger-records.ts";
import { PROGRAM, run, succeeds, temporaryFile } from "../helpers/program.ts";
import { living, startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

insidePidNamespace(import.meta.url, "ledger, report and metrics", insideNamespace);

const uid = USER;
const STATE = "/var/lib/vscode-grim-reaper";
const LOGS = "/var/log/vscode-grim-reaper";
const LEDGER = join(LOGS, "ledger.jsonl");
const HOOK_FAULTS = "/run/vscode-grim-reaper/hook.faults";

/** Its own metrics file unless `more` says otherwise. */
function configured(more = "") {
  const metrics = temporaryFile("reaper.prom", "");
  const text = `settle = "0s"\ngrace = "0"\ntermWait = "1s"\n${more}\n[metrics]\nfile = "${metrics}"\n`;
  const values = (...names: string[]): number[] => {
    const samples = readExposition(readFileSync(metrics, "utf8"));
    return names.map((name) => seriesValue(samples, name));
  };
  return { config: temporaryFile("config.toml", text), metrics, values };
}

const records = () => recordsIn(LEDGER);
const octal = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
/** What `report --json` adds up. */
const reported = (...args: string[]) => JSON.parse(run(["report", "--json", ...args]).stdout);

/** One orphan, ended by a sweep with these arguments. */
async function reapOne(args: readonly string[], umask = "022") {
  const stage = await startTree(bareServer(makeHome(uid), uid));
  const shell = ["-c", `umask ${umask}; exec "$0" "$@"`, process.execPath, PROGRAM];
  const { status, stderr } = spawnSync("sh", [...shell, ...args], { encoding: "utf8" });
  assert.deepEqual(living(stage), [], stderr);
  return { status, stderr };
}

function insideNamespace(): void {
  beforeEach(() => {
    for (const folder of [STATE, LOGS]) rmSync(folder, { recursive: true, force: true });
  });

  test("a reap is in the ledger, the report and the metrics; its memory is what the kernel says", async () => {
    const { config, metrics, values } = configured();
    const home = makeHome(uid);
    const stage = await startTree([legacy(home, { uid }), sleeper(home, "bystander", ["x"], uid)]);
    const before = Date.now();
    succeeds(["-n", "-c", config]);
    const dry = records().map(({ would, killed }) => [would, killed]);
    assert.deepEqual(dry, [[true, 7]]);
    rmSync(LEDGER);
    const swept = succeeds(["--json", "-c", config]);
    assert.deepEqual(living(stage), ["bystander"]);
    const [one, ...others] = records();
    assert.ok(one);
    assert.deepEqual(others, []);
    const { pid, startTime } = stage.node("launcher");
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const { root, killed, survivors, user, product, kind, forced } = one;
    assert.deepEqual([root, one.bootId], [{ pid, startTime }, bootId]);
    assert.deepEqual([killed, survivors, one.uid, user], [7, 0, uid, String(uid)]);
    assert.deepEqual([product, kind, forced], ["vscode", "aged", false]);
    assert.ok(one.epochMs >= before && one.epochMs <= Date.now());
    const [tree] = JSON.parse(swept.stdout).trees;
    assert.deepEqual([tree.memoryKiB, tree.outcome.freedKiB], [one.freedKiB, one.freedKiB]);
    assert.deepEqual([LEDGER, metrics].map(octal), ["640", "644"]);
    const totals = { trees: 1, processes: 7, survivors: 0, freedKiB: one.freedKiB };
    assert.deepEqual(reported("-c", config).totals, totals);
    const counted = values("killed_processes_total", "freed_bytes_total", "enforcing", "sweep_failed");
    assert.deepEqual(counted, [7, one.freedKiB * 1024, 1, 0]);
    assert.ok((values("last_success_timestamp_seconds")[0] ?? 0) * 1000 >= before);
    assert.ok((values("sweep_duration_seconds")[0] ?? 0) > 0);
  });

  test("counters grow over sweeps; a sweep with a narrow umask writes the same modes", async () => {
    const { config, metrics, values } = configured();
    mkdirSync("/run/vscode-grim-reaper", { recursive: true, mode: 0o700 });
    writeFileSync(HOOK_FAULTS, "...");
    for (let sweep = 1; sweep <= 3; sweep++) {
      const { status, stderr } = await reapOne(["-c", config], "077");
      assert.equal(status, 0, stderr);
      appendFileSync(HOOK_FAULTS, ".");
      const counted = values("sweeps_total", "killed_trees_total", "hook_faults_total");
      assert.deepEqual(counted, [sweep, sweep, 2 + sweep]);
    }
    assert.equal(records().length, 3);
    assert.deepEqual([LEDGER, metrics].map(octal), ["640", "644"]);
    // A sweep of one user counts, and says nothing about the host.
    const text = readFileSync(metrics, "utf8");
    assert.equal((await reapOne(["-u", String(uid), "-c", config])).status, 0);
    assert.equal(readFileSync(metrics, "utf8"), text);
    succeeds(["-c", config]);
    assert.deepEqual(values("sweeps_total", "killed_trees_total"), [5, 4]);
    rmSync(HOOK_FAULTS);
  });

  test("observing writes metrics and no ledger; a tripped breaker is reported", async () => {
    const { config, values } = configured("enforce = false\nmaxTrees = 1");
    const servers = [uid, uid + 1].map((one) => ({ ...bareServer(makeHome(one), one), name: `s${one}` }));
    const stage = await startTree(servers);
    assert.equal(run(["-c", config]).status, 1);
    const said = values("enforcing", "breaker_tripped", "sweep_failed", "last_success_timestamp_seconds");
    assert.deepEqual(said, [0, 1, 1, 0]);
    succeeds(["--force", "--yes", "-c", configured().config]);
    assert.deepEqual(living(stage), []);
    rmSync(LEDGER);
    succeeds(["-c", config]);
    assert.ok(!existsSync(LEDGER));
    assert.deepEqual(values("breaker_tripped", "killed_trees_total"), [0, 2]);
  });

  test("rotated ledgers are read with the current one, each record once; a damaged one is named", async () => {
    const { config } = configured();
    await reapOne(["-c", config]);
    const first = readFileSync(LEDGER);
    renameSync(LEDGER, `${LEDGER}.1`);
    await reapOne(["-c", config]);
    writeFileSync(`${LEDGER}.2.gz`, gzipSync(first));
    const trees = [[], ["--file", `${LEDGER}.2.gz`], ["-u", String(uid)], ["-u", "another"]].map(
      (args) => reported("-c", config, ...args).totals.trees,
    );
    assert.deepEqual(trees, [2, 1, 2, 0]);
    appendFileSync(LEDGER, first.subarray(0, 100));
    const torn = run(["report", "--json", "-c", config]);
    assert.match(torn.stderr, /ledger\.jsonl: 1 line without a record left out\n$/);
    assert.equal(JSON.parse(torn.stdout).badLines, 1);
    writeFileSync(`${LEDGER}.3.gz`, gzipSync(first).subarray(0, 60));
    const damaged = run(["report", "-c", config]);
    assert.equal(damaged.status, 1);
    assert.match(damaged.stderr, /ledger\.jsonl\.3\.gz: cannot be read: /);
    assert.match(damaged.stdout, /^2 trees/);
  });

  test("a full disk: the tree ends, status 1, the message names the file, nothing torn is left for long", async () => {
    const own = "/mnt/own.jsonl";
    assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]).status, 0);
    chmodSync("/mnt", 0o711);
    const { config } = configured(`[ledger]\nfile = "${own}"`);
    await reapOne(["-c", config]);
    spawnSync("sh", ["-c", "cat /dev/zero > /mnt/filler 2>/dev/null"]);
    // Fill what is left of the ledger's last page as well.
    appendFileSync(own, `${"x".repeat(4096 - (statSync(own).size % 4096) - 101)}\n`);
    const { status, stderr } = await reapOne(["-v", "-c", config]);
    assert.equal(status, 1);
    assert.match(stderr, /Killed 1 process\(es\)/);
    assert.match(stderr, /cannot write the ledger \/mnt\/own\.jsonl: only 100 of \d+ bytes/);
    rmSync("/mnt/filler");
    assert.equal((await reapOne(["-c", config])).status, 0);
    assert.equal(reported("-c", config).totals.trees, 2);
    spawnSync("umount", ["/mnt"]);
  });

  test("damaged counters start at 0, and the sweep says so", () => {
    mkdirSync(STATE);
    writeFileSync(join(STATE, "last-sweep.json"), '{"schemaVersion":1,"at":');
    const { config, values } = configured();
    const damaged = run(["-c", config]);
    assert.equal(damaged.status, 1);
    assert.match(damaged.stderr, /cannot read what was counted before: .*last-sweep\.json: /);
    succeeds(["-c", config]);
    assert.deepEqual(values("sweeps_total"), [2]);
  });

  test("report: usage, no ledger, an empty one, and other users", async () => {
    const none = temporaryFile("config.toml", 'settle = "0s"\ngrace = "0"\n[ledger]\nfile = ""\n');
    assert.equal((await reapOne(["-c", none])).status, 0);
    assert.ok(!existsSync(LEDGER));
    assert.match(run(["report", "-c", none]).stderr, /this host keeps no ledger/);
    assert.match(run(["report"]).stdout, /^Nothing was ended since \d{4}-\d\d-\d\d \d\d:\d\d\.\n$/);
    assert.equal(run(["report", "--since", "soon"]).status, 64);
    assert.equal(run(["report", "--file", "/nonexistent"]).status, 1);
    await reapOne(["-c", configured().config]);
    const denied = run(["report"], { uid });
    assert.equal(denied.status, 77, denied.stderr);
    assert.match(denied.stderr, /only root may read the ledger; run it with sudo\n$/);
    assert.equal(run(["report", "--file", LEDGER], { uid }).status, 77);
  });
}
