// The ledger, the report and the metrics of real sweeps, by the built program, as root in a pid namespace of their own.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { LedgerRecord } from "../../src/core/ledger/record.ts";
import { readExposition, seriesValue } from "../helpers/exposition.ts";
import { bareServer, COMMIT, legacy, sleeper } from "../helpers/ide-trees.ts";
import { run, temporaryFile } from "../helpers/program.ts";
import { living, startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

insidePidNamespace(import.meta.url, "ledger, report and metrics", insideNamespace);

const uid = USER;
const STATE = "/var/lib/vscode-grim-reaper";
const LEDGER = join(STATE, "ledger.jsonl");
const HOOK_FAULTS = "/run/vscode-grim-reaper/hook.faults";

/** Its own metrics file unless `more` says otherwise. */
function configured(more = ""): { readonly config: string; readonly metrics: string } {
  const metrics = temporaryFile("reaper.prom", "");
  const text = `settle = "0s"\ngrace = "0"\ntermWait = "1s"\n${more}\n[metrics]\nfile = "${metrics}"\n`;
  return { config: temporaryFile("config.toml", text), metrics };
}

const ledgerAt = (file: string): LedgerRecord[] =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as LedgerRecord);

const octal = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
const reset = (): void => {
  for (const name of existsSync(STATE) ? readdirSync(STATE) : [])
    rmSync(join(STATE, name), { recursive: true });
};

/** One orphan, ended by a sweep with these arguments. */
async function reapOne(args: readonly string[], umask = "022") {
  const stage = await startTree(bareServer(makeHome(uid), uid));
  const program = ["sh", "-c", `umask ${umask}; exec "$0" "$@"`, process.execPath];
  const [command = "", ...rest] = [...program, "dist/vscode-grim-reaper.cjs", ...args];
  const { status, stderr } = spawnSync(command, rest, { encoding: "utf8" });
  assert.deepEqual(living(stage), [], stderr);
  return { status, stderr, pid: stage.node("server").pid };
}

function insideNamespace(): void {
  test("a reap is in the ledger, the report and the metrics; its memory is what the kernel says", async () => {
    const { config, metrics } = configured();
    const home = makeHome(uid);
    const stage = await startTree([legacy(home, COMMIT, { uid }), sleeper(home, "bystander", ["x"], uid)]);
    const members = stage.nodes.filter(({ name }) => name !== "bystander");
    const before = Date.now();
    const dry = run(["-n", "-c", config]);
    assert.equal(dry.status, 0, dry.stderr);
    assert.ok(!existsSync(LEDGER), "a dry run has nothing to record");
    const swept = run(["--json", "-c", config]);
    assert.equal(swept.status, 0, swept.stderr);
    assert.deepEqual(living(stage), ["bystander"]);
    const [one, ...others] = ledgerAt(LEDGER);
    assert.ok(one);
    assert.deepEqual(others, []);
    const launcher = stage.node("launcher");
    assert.deepEqual(one.root, { pid: launcher.pid, startTime: launcher.startTime });
    assert.equal(one.killed, members.length);
    assert.equal(one.survivors, 0);
    assert.deepEqual(
      [one.uid, one.user, one.product, one.kind, one.forced],
      [uid, String(uid), "vscode", "aged", false],
    );
    assert.equal(one.bootId, readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
    assert.ok(one.epochMs >= before && one.epochMs <= Date.now());
    assert.equal(one.time, new Date(one.epochMs).toISOString());
    const [tree] = JSON.parse(swept.stdout).trees;
    assert.equal(one.freedKiB, tree.memoryKiB);
    assert.equal(tree.outcome.freedKiB, one.freedKiB);
    assert.equal(octal(LEDGER), "640");

    const report = run(["report", "--json", "-c", config]);
    assert.equal(report.status, 0, report.stderr);
    const document = JSON.parse(report.stdout);
    assert.deepEqual(document.totals, {
      trees: 1,
      processes: members.length,
      survivors: 0,
      freedKiB: one.freedKiB,
    });
    const samples = readExposition(readFileSync(metrics, "utf8"));
    const value = (name: string, labels = {}): number => seriesValue(samples, name, labels);
    assert.equal(octal(metrics), "644");
    assert.equal(value("trees", { product: "vscode", verdict: "reap" }), 1);
    assert.equal(value("killed_processes_total"), members.length);
    assert.equal(value("freed_bytes_total"), one.freedKiB * 1024);
    assert.equal(value("enforcing"), 1);
    assert.equal(value("sweep_failed"), 0);
    assert.ok(value("last_success_timestamp_seconds") * 1000 >= before);
    assert.ok(value("sweep_duration_seconds") > 0 && value("sweep_duration_seconds") < 60);
    const promtool = spawnSync("promtool", ["check", "metrics"], { input: readFileSync(metrics) });
    if (promtool.error === undefined) assert.equal(promtool.status, 0, String(promtool.stdout));
  });

  test("counters grow over sweeps, ids with them; a sweep with a narrow umask writes the same modes", async () => {
    reset();
    const { config, metrics } = configured();
    mkdirSync("/run/vscode-grim-reaper", { recursive: true, mode: 0o700 });
    writeFileSync(HOOK_FAULTS, "...");
    for (let sweep = 1; sweep <= 3; sweep++) {
      const { status, stderr } = await reapOne(["-c", config], "077");
      assert.equal(status, 0, stderr);
      appendFileSync(HOOK_FAULTS, ".");
      const samples = readExposition(readFileSync(metrics, "utf8"));
      const value = (name: string): number => seriesValue(samples, name);
      assert.deepEqual(["sweeps_total", "killed_trees_total", "hook_faults_total"].map(value), [
        sweep,
        sweep,
        2 + sweep,
      ]);
    }
    const ids = ledgerAt(LEDGER).map(({ id }) => id);
    assert.deepEqual(ids, [...new Set(ids)].sort());
    assert.equal(ids.length, 3);
    assert.deepEqual([LEDGER, metrics].map(octal), ["640", "644"]);
    // A sweep of one user counts, and says nothing about the host.
    const text = readFileSync(metrics, "utf8");
    assert.equal((await reapOne(["-u", String(uid), "-c", config])).status, 0);
    assert.equal(readFileSync(metrics, "utf8"), text);
    assert.equal(run(["-c", config]).status, 0);
    const after = readExposition(readFileSync(metrics, "utf8"));
    assert.deepEqual(
      ["sweeps_total", "killed_trees_total"].map((name) => seriesValue(after, name)),
      [5, 4],
    );
    rmSync(HOOK_FAULTS);
  });

  test("observing writes metrics and no ledger; a tripped breaker is reported", async () => {
    reset();
    const { config, metrics } = configured("enforce = false\nmaxTrees = 1");
    const value = (name: string): number => seriesValue(readExposition(readFileSync(metrics, "utf8")), name);
    const stage = await startTree([1, 2].map((n) => ({ ...bareServer(makeHome(uid), uid), name: `s${n}` })));
    assert.equal(run(["-c", config]).status, 1);
    assert.deepEqual(["enforcing", "breaker_tripped", "sweep_failed"].map(value), [0, 1, 1]);
    assert.equal(value("last_success_timestamp_seconds"), 0);
    assert.equal(run(["--force", "-c", configured().config]).status, 0);
    assert.deepEqual(living(stage), []);
    rmSync(LEDGER);
    assert.equal(run(["-c", config]).status, 0);
    assert.ok(!existsSync(LEDGER));
    assert.deepEqual(["breaker_tripped", "killed_trees_total"].map(value), [0, 2]);
  });

  test("a torn last line is ended before the next record, counted by readers, and only it is lost", async () => {
    reset();
    const { config } = configured();
    await reapOne(["-c", config]);
    const whole = readFileSync(LEDGER, "utf8");
    appendFileSync(LEDGER, whole.slice(0, 100));
    assert.equal((await reapOne(["-c", config])).status, 0);
    const lines = readFileSync(LEDGER, "utf8").trimEnd().split("\n");
    assert.equal(lines.length, 3);
    const report = run(["report", "--json", "-c", config]);
    assert.equal(report.status, 0);
    assert.match(report.stderr, /ledger\.jsonl: 1 line without a record left out\n$/);
    assert.equal(JSON.parse(report.stdout).badLines, 1);
    assert.equal(JSON.parse(report.stdout).totals.trees, 2);
  });

  test("rotated ledgers are read with the current one, each record once; a damaged one is named", async () => {
    reset();
    const { config } = configured();
    await reapOne(["-c", config]);
    const first = readFileSync(LEDGER);
    renameSync(LEDGER, `${LEDGER}.1`);
    await reapOne(["-c", config]);
    writeFileSync(`${LEDGER}.2.gz`, gzipSync(first));
    const trees = (args: readonly string[], input?: string): number =>
      JSON.parse(run(["report", "--json", "-c", config, ...args], { ...(input && { input }) }).stdout).totals
        .trees;
    assert.deepEqual([trees([]), trees(["--file", `${LEDGER}.2.gz`]), trees(["-u", String(uid)])], [2, 1, 2]);
    assert.deepEqual([trees(["-u", "another"]), trees(["--file", "-"], String(first))], [0, 1]);
    writeFileSync(`${LEDGER}.3.gz`, gzipSync(first).subarray(0, 60));
    const damaged = run(["report", "-c", config]);
    assert.equal(damaged.status, 1);
    assert.match(damaged.stderr, /ledger\.jsonl\.3\.gz: cannot be read: /);
    assert.match(damaged.stdout, /^2 trees/);
  });

  test("never through a link, into a device, or a file that others may write: the sweep is done all the same", async () => {
    reset();
    // A second name needs the same file system.
    const victim = join(STATE, "victim");
    const setups: readonly (() => void)[] = [
      () => symlinkSync(victim, LEDGER),
      () => linkSync(victim, LEDGER),
      () => symlinkSync(`${victim}-absent`, LEDGER),
      () => mkdirSync(LEDGER),
      () => assert.equal(spawnSync("mkfifo", [LEDGER]).status, 0),
      () => {
        writeFileSync(LEDGER, "");
        chmodSync(LEDGER, 0o666);
      },
    ];
    for (const setUp of setups) {
      rmSync(victim, { force: true });
      writeFileSync(victim, "victim\n");
      rmSync(LEDGER, { recursive: true, force: true });
      setUp();
      const { status, stderr } = await reapOne(["-v", "-c", configured().config]);
      assert.equal(status, 1, stderr);
      assert.match(stderr, /Killed 1 process\(es\)/);
      assert.match(stderr, /cannot write the ledger \/var\/lib\/vscode-grim-reaper\/ledger\.jsonl: /);
      assert.equal(readFileSync(victim, "utf8"), "victim\n");
      assert.ok(!existsSync(`${victim}-absent`));
    }
  });

  test("a full disk: the tree ends, status 1, the message names the file, nothing torn is left for long", async () => {
    reset();
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", STATE]);
    assert.equal(mounted.status, 0);
    chmodSync(STATE, 0o711);
    const { config } = configured(`[ledger]\nfile = "${STATE}/own.jsonl"`);
    await reapOne(["-c", config]);
    spawnSync("sh", ["-c", `cat /dev/zero > ${STATE}/filler 2>/dev/null`]);
    // Fill what is left of the ledger's last page as well.
    const room = 4096 - (statSync(`${STATE}/own.jsonl`).size % 4096);
    appendFileSync(`${STATE}/own.jsonl`, `${"x".repeat(room - 101)}\n`);
    const { status, stderr } = await reapOne(["-v", "-c", config]);
    assert.equal(status, 1);
    assert.match(stderr, /Killed 1 process\(es\)/);
    assert.match(
      stderr,
      /cannot write the ledger \/var\/lib\/vscode-grim-reaper\/own\.jsonl: only 100 of \d+ bytes/,
    );
    rmSync(`${STATE}/filler`);
    const later = await reapOne(["-c", config]);
    assert.equal(later.status, 0, later.stderr);
    const report = run(["report", "--json", "-c", config]);
    assert.equal(JSON.parse(report.stdout).totals.trees, 2, report.stderr);
    spawnSync("umount", [STATE]);
  });

  test("damaged counters start at 0, and the sweep says so", () => {
    reset();
    mkdirSync(STATE, { recursive: true });
    writeFileSync(join(STATE, "metrics.json"), '{"schemaVersion":1,"sweeps":');
    const again = configured();
    const damaged = run(["-c", again.config]);
    assert.equal(damaged.status, 1);
    assert.match(damaged.stderr, /metrics\.json: it contains no counters; the counters start at 0/);
    assert.equal(run(["-c", again.config]).status, 0);
    assert.equal(seriesValue(readExposition(readFileSync(again.metrics, "utf8")), "sweeps_total"), 2);
  });

  test("no ledger where the configuration says so; nothing is written when nothing is configured", async () => {
    reset();
    const none = temporaryFile("config.toml", 'settle = "0s"\ngrace = "0"\n[ledger]\nfile = ""\n');
    assert.equal((await reapOne(["-c", none])).status, 0);
    assert.ok(!existsSync(LEDGER));
    assert.ok(!existsSync(join(STATE, "metrics.json")));
    assert.match(run(["report", "-c", none]).stderr, /this host keeps no ledger/);
  });

  test("report: usage, an empty ledger, and other users", async () => {
    reset();
    const empty = run(["report"]);
    assert.deepEqual([empty.status, empty.stderr], [0, ""]);
    assert.match(empty.stdout, /^Nothing was ended since \d{4}-\d\d-\d\dT\d\d:\d\dZ\.\n$/);
    assert.equal(run(["report", "--since", "soon"]).status, 64);
    assert.equal(run(["report", "--json", "--csv"]).status, 64);
    assert.equal(run(["report", "--file", "/nonexistent"]).status, 1);
    await reapOne(["-c", configured().config]);
    const denied = run(["report"], { uid });
    assert.equal(denied.status, 77, denied.stderr);
    assert.match(denied.stderr, /only root may read the ledger; run it with sudo\n$/);
    assert.equal(run(["report", "--file", LEDGER], { uid }).status, 77);
  });

  test("report: blocks on a terminal that shows them, its width and no more", async () => {
    reset();
    await reapOne(["-c", configured().config]);
    const report = `exec "${process.execPath}" dist/vscode-grim-reaper.cjs report --since 1d`;
    const bars = (locale: string): string[] => {
      const args = ["-qec", `stty cols 60; ${report}`, "/dev/null"];
      const { stdout } = spawnSync("script", args, {
        encoding: "utf8",
        env: { LANG: locale, PATH: "/usr/bin:/bin" },
      });
      return stdout.split("\r\n").filter((line) => /^\d{4}-\d\d-\d\d +1 /.test(line));
    };
    for (const [locale, block] of [
      ["C.UTF-8", "█"],
      ["C", "#"],
    ] as const)
      assert.deepEqual(
        bars(locale).map((line) => line.slice(16)),
        [block.repeat(44)],
      );
  });
}
