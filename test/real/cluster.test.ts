// What login nodes tell each other, by the built program, with the other nodes' files written here: hostile ones, and
// a folder whose file server is dead.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, test } from "node:test";

const sandbox = inPidNamespace(import.meta.url, { upFor: 3600 });
if (sandbox.inside) insideNamespace();
else
  test("what login nodes publish to each other, inside a pid namespace", {
    skip: sandbox.skip,
  }, async (t) => {
    const { passed } = await sandbox.run();
    t.diagnostic(`${passed} tests passed inside`);
  });

const uid = USER;
const MINUTE = 60_000;
const SHARED = "/run/shared";
const TAGS = "/run/vscode-grim-reaper/tags";

const config = (more = ""): string =>
  temporaryFile("config.toml", `grace = "10m"\ntermWait = "1s"\n[cluster]\ndir = "${SHARED}"\n${more}`);

/** What another node would write: the user is attached there, since a minute ago. */
function word(host: string, more: Record<string, unknown> = {}): string {
  const now = Date.now();
  const attached = [{ uid, trees: 1, since: now - MINUTE }];
  return JSON.stringify({
    schemaVersion: 1,
    host,
    bootId: "other",
    writtenAt: now - 1000,
    attached,
    ...more,
  });
}

function tell(host: string, text = word(host), mode = 0o600): string {
  const file = join(SHARED, `${host}.json`);
  writeFileSync(file, text, { mode });
  return file;
}

/** Says of a server what the hook says when its session has closed. */
function tagClosed(stage: Stage, agoMs: number): void {
  const { pid, startTime } = stage.node("server");
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
  const tag = {
    schemaVersion: 1,
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    uid,
    root: { pid, startTime },
    auditSession: null,
    logindSession: null,
    closedAt: Date.now() - agoMs,
    closedUptime: Math.max(0, Math.round(uptime - agoMs)),
    product: "vscode",
    remoteHost: null,
  };
  mkdirSync(TAGS, { recursive: true, mode: 0o700 });
  writeFileSync(join(TAGS, `${pid}-${startTime}.json`), `${JSON.stringify(tag)}\n`, { mode: 0o600 });
}

/** An orphan whose session closed three minutes ago. */
async function startOrphan(): Promise<Stage> {
  const stage = await startTree(bareServer(makeHome(uid), uid));
  tagClosed(stage, 3 * MINUTE);
  return stage;
}

const sweep = (more = "", ...args: string[]): Ran => run(["-v", "-c", config(more), ...args]);
const own = (): string => join(SHARED, `${hostname()}.json`);

function insideNamespace(): void {
  freshState();
  beforeEach(() => mkdirSync(SHARED, { mode: 0o700 }));
  afterEach(() => rmSync(SHARED, { recursive: true, force: true }));

  test("a sweep publishes the attached users, only root can read it; a dry run and a partial sweep publish nothing", () => {
    assert.equal(sweep("", "-n").status, 0);
    assert.equal(sweep("", "-u", String(uid)).status, 0);
    assert.deepEqual(readdirSync(SHARED), []);
    const swept = sweep();
    assert.deepEqual([swept.status, swept.stderr], [0, ""]);
    assert.deepEqual(readdirSync(SHARED), [`${hostname()}.json`]);
    assert.equal(statSync(own()).mode & 0o7777, 0o600);
    const { writtenAt, bootId, ...rest } = JSON.parse(readFileSync(own(), "utf8"));
    assert.deepEqual(rest, { schemaVersion: 1, host: hostname(), attached: [] });
    assert.ok(Math.abs(Date.now() - writtenAt) < MINUTE);
    assert.equal(bootId, readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
    // The next one takes its place, whatever a killed one left.
    writeFileSync(join(SHARED, `.${hostname()}.tmp`), "torn");
    assert.equal(sweep().status, 0);
    assert.deepEqual(readdirSync(SHARED), [`${hostname()}.json`]);
  });

  test("an orphan whose user came back on another node is reaped before its grace, with the reason", async () => {
    const stage = await startOrphan();
    assert.equal(sweep().status, 0);
    assert.deepEqual(living(stage), ["server"]);
    tell("login2");
    const { pid } = stage.node("server");
    const explained = run(["explain", String(pid), "-c", config()]).stdout;
    assert.match(explained, /its user is attached on login2, grace 1m/);
    assert.match(explained, /^ {2}elsewhere +yes +attached on login2 \(1 tree, newest connection 1m/m);
    assert.equal(run(["-v", "-c", config('grace = "1h"\n')]).status, 0);
    assert.deepEqual(living(stage), ["server"], "cluster.grace has not passed");
    const swept = sweep("", "-v");
    assert.equal(swept.status, 0, swept.stderr);
    assert.match(swept.stderr, /reap: tree .*, its user is attached on login2, grace 1m/);
    assert.match(swept.stderr, /Killed 1 process\(es\)/);
    assert.deepEqual(living(stage), []);
  });

  test("replay of a snapshot comes to the same verdict", async () => {
    const stage = await startOrphan();
    tell("login2");
    const saved = temporaryFile("host.json", run(["snapshot", "-c", config()]).stdout);
    const { trees } = JSON.parse(run(["replay", saved, "--json", "-c", config()]).stdout);
    assert.equal(trees[0].verdict, "reap");
    await stage.end();
  });

  test("a stale file and an older connection change nothing, and are no fault", async () => {
    const stage = await startOrphan();
    const hours = Date.now() - 3 * 60 * MINUTE;
    tell("login2", word("login2", { writtenAt: hours, attached: [] }));
    const old = tell("login3");
    utimesSync(old, hours / 1000, hours / 1000);
    tell("login4", word("login4", { attached: [{ uid, trees: 1, since: Date.now() - 4 * MINUTE }] }));
    tell("login5", word("login5", { attached: [{ uid: uid + 1, trees: 1, since: Date.now() - MINUTE }] }));
    const swept = sweep();
    assert.deepEqual([swept.status, swept.stderr, living(stage)], [0, "", ["server"]]);
    await stage.end();
  });

  test("hostile files are named, not believed, and delay no sweep", async () => {
    const stage = await startOrphan();
    const elsewhere = temporaryFile("login2.json", word("symlink"));
    symlinkSync(elsewhere, join(SHARED, "symlink.json"));
    spawnSync("mkfifo", [join(SHARED, "fifo.json")]);
    mkdirSync(join(SHARED, "folder.json"));
    symlinkSync("/dev/zero", join(SHARED, "zero.json"));
    spawnSync("mknod", [join(SHARED, "device.json"), "c", "1", "5"]);
    chmodSync(tell("writable"), 0o666);
    chownSync(tell("users"), uid, uid);
    truncateSync(tell("large"), 2 ** 40);
    tell("liar", word("login2"));
    tell("torn", word("torn").slice(0, 40));
    tell("schema", word("schema", { schemaVersion: 2 }));
    tell("future", word("future", { writtenAt: Date.now() + 10 * MINUTE }));
    const ahead = Date.now() / 1000 + 600;
    utimesSync(tell("touched"), ahead, ahead);
    tell("\u001b[2J", word("x"));
    // None of these is anybody's word.
    for (const name of ["README", ".hidden.json", "login2.json.bak"]) writeFileSync(join(SHARED, name), "x");
    const listed = run(["list", "-c", config()]);
    assert.doesNotMatch(listed.stderr, /no answer within/, "the helper waited for one of these files");
    assert.equal(listed.status, 1);
    assert.match(listed.stdout, / wait /);
    const faults = listed.stderr.trim().split("\n");
    const why = (name: string): string => faults.find((line) => line.includes(`/${name}.json`)) ?? "";
    assert.match(why("symlink"), /is a symbolic link/);
    assert.match(why("fifo"), /is not a regular file/);
    assert.match(why("folder"), /is not a regular file/);
    assert.match(why("device"), /is not a regular file/);
    assert.match(why("large"), /is larger than 131072 bytes/);
    assert.match(why("liar"), /speaks for another host, login2/);
    assert.match(why("future"), /ahead of this host's clock/);
    assert.match(why("schema"), /schemaVersion/);
    assert.match(listed.stderr, /use 4 more files of \/run\/shared: as above/);
    assert.doesNotMatch(listed.stderr.replaceAll("\n", ""), /\p{C}/u);
    for (const name of ["symlink", "fifo", "folder", "zero", "device", "large", "liar", "future", "schema"])
      rmSync(join(SHARED, `${name}.json`), { recursive: true });
    const rest = run(["list", "-c", config()]).stderr;
    assert.match(rest, /\/torn\.json: is not JSON/);
    assert.match(rest, /\/touched\.json: is dated \d+m/);
    assert.match(
      rest,
      /\/users\.json: belongs to uid 64001, not to root or the account of the sweep; run chown/,
    );
    assert.match(rest, /\/writable\.json: users other than root can write it/);
    assert.match(rest, /\/\\x1b\[2J\.json: its name is not a host name/);
    assert.equal(rest.trim().split("\n").length, 5);
    const swept = sweep();
    assert.equal(swept.status, 1);
    assert.deepEqual(living(stage), ["server"]);
    assert.ok(existsSync(own()), "it tells its own all the same");
    await stage.end();
  });

  test("a compromised node fills the folder: the small files are read, and no more than a bound", async () => {
    const stage = await startOrphan();
    const filler = `${word("filler").trimEnd()}${" ".repeat(130_000 - word("filler").length)}\n`;
    for (let i = 0; i < 900; i++) tell(`0filler${i}`, filler);
    tell("login2", word("login2", { attached: [{ uid, trees: 1, since: Date.now() - MINUTE }] }));
    const listed = run(["list", "-c", config()]);
    assert.match(
      listed.stderr,
      /its files are larger than 8388608 bytes together; the largest were not read/,
    );
    const explained = run(["explain", String(stage.node("server").pid), "-c", config()]).stdout;
    assert.match(explained, /its user is attached on login2, grace 1m/);
    for (let i = 0; i < 900; i++) rmSync(join(SHARED, `0filler${i}.json`));
    const swept = sweep();
    assert.deepEqual([swept.status, living(stage)], [0, []], swept.stderr);
    await stage.end();
  });

  test("a folder of more than a thousand files is read so far and no farther", () => {
    for (let i = 0; i < 1001; i++) tell(`login${i}`);
    const listed = run(["list", "-c", config()]);
    assert.equal(listed.status, 1);
    assert.match(listed.stderr, /cannot read all of \/run\/shared: it contains more than 1000 files/);
  });

  test("a folder that others than root can change is refused, neither read nor written", async () => {
    const stage = await startOrphan();
    tell("login2");
    const refused = (dir: string, why: RegExp): void => {
      const toml = temporaryFile(
        "config.toml",
        `grace = "10m"\ntermWait = "1s"\n[cluster]\ndir = "${dir}"\n`,
      );
      const swept = run(["-v", "-c", toml]);
      assert.equal(swept.status, 1);
      assert.match(swept.stderr, why);
      assert.equal(swept.stderr.trim().split("\n").length, 1, swept.stderr);
    };
    chmodSync(SHARED, 0o777);
    refused(SHARED, /users other than root can write it; run chmod go-w on it/);
    chmodSync(SHARED, 0o1777);
    refused(SHARED, /users other than root can write it/);
    chmodSync(SHARED, 0o700);
    chownSync(SHARED, uid, uid);
    refused(SHARED, /belongs to uid 64001, not to root or the account of the sweep; run chown/);
    chownSync(SHARED, 0, 0);
    symlinkSync(SHARED, "/run/link");
    refused("/run/link", /is a symbolic link or below one; configure \/run\/shared/);
    rmSync("/run/link");
    mkdirSync("/run/users/shared", { recursive: true });
    chownSync("/run/users", uid, uid);
    refused("/run/users/shared", /users other than root can change \/run\/users, which is above it/);
    rmSync("/run/users", { recursive: true });
    refused("/run/none", /ENOENT/);
    writeFileSync("/run/file", "");
    refused("/run/file", /ENOTDIR/);
    assert.deepEqual(readdirSync(SHARED), ["login2.json"]);
    assert.deepEqual(living(stage), ["server"]);
    await stage.end();
  });

  test("a folder that is read-only is a fault that names the remedy", () => {
    assert.equal(spawnSync("mount", ["--bind", SHARED, SHARED]).status, 0);
    assert.equal(spawnSync("mount", ["-o", "remount,bind,ro", SHARED]).status, 0);
    try {
      const swept = sweep();
      assert.equal(swept.status, 1);
      assert.match(
        swept.stderr,
        /cannot publish for other login nodes in \/run\/shared: it is read-only here \(EROFS\); .*systemctl edit vscode-grim-reaper\.service, and add \[Service\] ReadWritePaths=\/run\/shared$/m,
      );
    } finally {
      assert.equal(spawnSync("umount", [SHARED]).status, 0);
    }
  });

  test("an ordinary user learns nothing of other nodes, which is not a fault", () => {
    const toml = config();
    chmodSync(dirname(toml), 0o755);
    const listed = run(["list", "-c", toml], { uid });
    assert.deepEqual([listed.status, listed.stderr], [0, ""]);
  });

  const noFuse = existsSync("/dev/fuse") ? false : "needs /dev/fuse";
  test("a dead file server holds up no sweep, and only one helper", { skip: noFuse }, async () => {
    const orphan = await startTree(bareServer(makeHome(uid), uid));
    tagClosed(orphan, 11 * MINUTE);
    const mount = mkdtempSync(join(tmpdir(), "reaper-dead-"));
    const toml = temporaryFile(
      "config.toml",
      `grace = "10m"\ntermWait = "1s"\n[cluster]\ndir = "${mount}"\n`,
    );
    const binary = join(dirname(puppetBinary()), "stalled_fuse");
    const server = spawn(binary, ["--serve", mount, "mute"], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      // The mount itself is what is waited for; from then on every request stays without an answer.
      const signal = AbortSignal.timeout(60_000);
      const [line] = await once(createInterface({ input: server.stdout }), "line", { signal });
      assert.equal(line, "ready");
      const swept = run(["-v", "-c", toml]);
      assert.equal(swept.status, 1);
      assert.match(swept.stderr, /cannot use the login nodes' folder .*: no answer within 5s/);
      assert.match(swept.stderr, /Killed 1 process\(es\)/, "the host's own work is done");
      assert.deepEqual(living(orphan), []);
      assert.equal(stuckHelpers().length, 1, "it cannot be ended before the server is");
      const again = run(["-v", "-c", toml]);
      assert.equal(again.status, 1);
      assert.match(again.stderr, /an earlier helper still hangs|no answer within 5s/);
      assert.equal(stuckHelpers().length, 1, "no second one comes to hang beside it");
    } finally {
      server.stdin.end();
      if (server.exitCode === null) await once(server, "exit");
      rmSync(mount, { recursive: true });
    }
    await eventually(() => stuckHelpers().length === 0, "the helper wakes and is gone");
  });
}

/** Helpers that wait in the kernel and cannot be killed. Read by status alone: nothing of theirs that could hang. */
function stuckHelpers(): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readdirSync(`/proc/${pid}/task`).some((thread) =>
        /^State:\tD/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")),
      );
    } catch {
      return false;
    }
  });
}

import { bareServer } from "../helpers/ide-trees.ts";
import { type Ran, run, temporaryFile } from "../helpers/program.ts";
import { living, puppetBinary, type Stage, startTree } from "../helpers/puppet.ts";
import { eventually, makeHome, USER } from "../helpers/real.ts";
import { freshState, inPidNamespace } from "../helpers/sandbox.ts";
