// One table drives the built program: what is typed, the exit status, and what is said.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const toml = (text: string): string => temporaryFile("config.toml", text);
const LISTING =
  "test/fixtures/ps-listings/15-msvscode-exec-server-LIVE-server-reparented-agents-in-terminals.tsv";

interface Row {
  readonly args: readonly string[];
  readonly status: number;
  readonly stderr?: RegExp;
  readonly stdout?: RegExp;
  readonly only?: "root" | "user";
}

const rows: readonly Row[] = [
  { args: ["--help"], status: 0, stdout: /Examples:[\s\S]*Exit status: 0 all well/ },
  { args: ["--version"], status: 0, stdout: /^\d+\.\d+\.\d+\n$/ },
  { args: ["sweep", "--help"], status: 0, stdout: /--dry-run/ },
  { args: ["--dry-run"], status: 0 },
  {
    args: ["sweep", "-n", "-vv"],
    status: 0,
    stderr: /Looked at \d+ processes .* found \d+ trees?: reap/,
  },
  { args: ["-n", "-vv", "--log-format", "json"], status: 0, stderr: /^\{"level":10,"time":\d+,/m },
  { args: ["list"], status: 0 },
  {
    args: ["list", "--json"],
    status: 0,
    stdout: /^\{"schemaVersion":1,"host":"[^"]+","dryRun":true,"trees":\[/,
  },
  { args: ["-n", "--json"], status: 0, stdout: /"dryRun":true/ },
  { args: ["status"], status: 0, stdout: /^mode +enforcing[\s\S]*^trees|^your trees/m },
  { args: ["status", "--json"], status: 0, stdout: /^\{"schemaVersion":1,"host":/ },
  {
    args: ["list", "--verdict", "reaped"],
    status: 64,
    stderr: /Allowed choices are reap, wait, spare, exempt, unknown/,
  },
  { args: ["list", "--sort", "memory", "--verdict", "reap"], status: 0 },
  {
    args: ["list", "--agents"],
    status: 0,
    stdout: /^(?: *PID +USER +PRODUCT +KIND .* VERDICT +WHY\n|No agents\.\n)/,
  },
  { args: ["list", "--agents", "--json"], status: 0, stdout: /^\{"schemaVersion":1,"host":".+","agents":\[/ },
  { args: ["snapshot"], status: 0, stdout: /^\{"schemaVersion":1,.*"bootId":"[0-9a-f-]{36}"/ },
  { args: ["--nonsense"], status: 64, stderr: /unknown option '--nonsense'/ },
  {
    args: ["lsit"],
    status: 64,
    stderr: /^vscode-grim-reaper: unknown command lsit; did you mean "list"\? \(see --help\)\n$/,
  },
  { args: ["-n"], status: 0, stderr: /Nothing to end|Would kill/ },
  { args: ["explain"], status: 64, stderr: /missing required argument 'pid'/ },
  { args: ["explain", "abc"], status: 64, stderr: /pid abc: a process id is a whole number above 0/ },
  {
    args: ["explain", "4194399"],
    status: 1,
    stderr: /there is no process 4194399; "vscode-grim-reaper list" shows/,
  },
  { args: ["--pid", "4194399", "-n"], status: 1, stderr: /there is no process 4194399/ },
  { args: ["-n", "-u", "no-such-user-here"], status: 64, stderr: /there is no user no-such-user-here/ },
  { args: ["-n", "--log-format", "xml"], status: 64, stderr: /Allowed choices are standard, json/ },
  { args: ["-n", "--include-jobs"], status: 64, stderr: /need --force/ },
  {
    args: ["-n", "-c", "/nonexistent.toml"],
    status: 78,
    stderr: /^vscode-grim-reaper: \/nonexistent\.toml: cannot be read: ENOENT/,
  },
  {
    args: ["-n", "-c", toml('graec = "10m"\n')],
    status: 78,
    stderr: /config\.toml:1: graec: unknown key; did you mean "grace"\?\n$/,
  },
  {
    args: ["list", "-c", toml('\ngrace = "ten minutes"\n')],
    status: 78,
    stderr: /config\.toml:2: grace: must be a duration such as "90s"/,
  },
  {
    args: ["check-config", toml('[graceByProduct]\ncurser = "1h"\n[metrics]\nfile = "/tmp/x.prom"\n')],
    status: 1,
    stderr:
      /graceByProduct: there is no product "curser"; did you mean "cursor"\?\n.*metrics\.file: \/tmp\/x\.prom: the service does not see \/tmp/,
    stdout: /\n2 problems\n$/,
  },
  {
    args: ["check-config", toml("ledger = 5\n")],
    status: 78,
    stderr: /config\.toml:1: ledger: must be a table\n$/,
  },
  { args: ["check-config", toml("grace = [")], status: 78, stderr: /config\.toml:1: not TOML: / },
  {
    args: ["check-config", toml('grace = "1h"\nenforce = false\n')],
    status: 0,
    stdout:
      /enforce +false: sweeps only observe {2}\[config\.toml\]\ngrace +1h {2}\[config\.toml\][\s\S]*\nOK\n$/,
  },
  {
    args: ["check-config", toml('exemptUsers = ["no-such-user-here"]\n')],
    status: 1,
    stderr: /user no-such-user-here \(.*config\.toml:1\): there is none of this name; it exempts no user/,
  },
  ...["check-config", "list", "status", "-n"].map((command) => ({
    args: [
      command,
      ...(command === "check-config" ? [] : ["-c"]),
      toml('\nexemptGroups = ["no-such-group"]\n'),
    ],
    status: 1,
    [command === "status" ? "stdout" : "stderr"]:
      /group no-such-group \(.*config\.toml:2\): .*; nothing that it may exempt is ended until this/,
  })),
  {
    args: ["doctor", "-c", toml('exemptGroups = ["no-such-group"]\n')],
    status: 1,
    stdout:
      /^fault +configuration .*no-such-group \(.*config\.toml:1\): .*; nothing that it may exempt is ended/m,
  },
  { args: ["replay", "/nonexistent"], status: 1, stderr: /\/nonexistent: cannot be read/ },
  {
    args: ["replay", toml("{}")],
    status: 1,
    stderr: /config\.toml: schemaVersion: .*make one with snapshot/,
  },
  { args: ["replay", toml("x")], status: 1, stderr: /config\.toml: .*JSON.*make one with snapshot/ },
  {
    args: ["replay", toml("x"), "--format", "ps"],
    status: 1,
    stderr: /config\.toml:1: is neither uid<TAB>pid<TAB>ppid<TAB>args nor/,
  },
  {
    args: ["replay", LISTING, "--format", "ps"],
    status: 0,
    stdout: /^ *PID +USER +PRODUCT +KIND +VERDICT[\s\S]*496 .* vscode +server +unknown/,
  },
  {
    args: ["replay", LISTING, "--format", "ps", "--json"],
    status: 0,
    stdout:
      /"root":\{"pid":496,"startTime":0\},"uid":1000,"user":"[^"]+","product":"vscode","kind":"server","verdict":"unknown"/,
  },
  {
    args: ["-n", "-l", "/nonexistent/reaper.log", "-vv"],
    status: 1,
    stderr: /cannot open the log file \/nonexistent\/reaper\.log[\s\S]*Looked at/,
  },
  {
    args: [],
    status: 77,
    stderr:
      /needs root: run it with sudo, or look with --dry-run; to end your own trees: vscode-grim-reaper end/,
    only: "user",
  },
  {
    args: ["list", "-u", "0"],
    status: 77,
    stderr: /only root can judge other users' processes/,
    only: "user",
  },
];

for (const { args, status, stderr, stdout, only } of rows) {
  const skip = only !== undefined && (only === "root") !== isRoot ? `for ${only} only` : false;
  test(`vscode-grim-reaper ${args.join(" ")}`, { skip }, () => {
    const ran = run(args);
    assert.equal(ran.status, status, ran.stderr);
    if (stderr) assert.match(ran.stderr, stderr);
    if (stdout) assert.match(ran.stdout, stdout);
    if (status !== 0)
      assert.doesNotMatch(ran.stderr, /\bat .*:\d+:\d+\)?$/m, "a stack trace for a person's mistake");
  });
}

test("an ordinary user's list and dry run work, and list says what it did not look at", {
  skip: isRoot ? false : "root only: becomes that user",
}, () => {
  for (const args of [["list"], ["list", "--agents"]])
    assert.match(run(args, { uid: USER }).stdout, /^No .*\nOnly your own processes were looked at.*\.\n$/);
  for (const args of [["list"], ["-n", "-vv"], ["list", "--json"]]) {
    const ran = run(args, { uid: USER });
    assert.equal(ran.status, 0, ran.stderr);
  }
  assert.equal(run([], { uid: USER }).status, 77);
});

test("a configuration that others may write is refused", { skip: isRoot ? false : "root only" }, () => {
  const path = toml('grace = "1m"\n');
  chmodSync(path, 0o666);
  const ran = run(["-n", "-c", path]);
  assert.equal(ran.status, 78);
  assert.match(ran.stderr, /users other than root can write it; run chown root:root and chmod go-w on it/);
});

test("a configuration that users cannot read is a problem, named with its effect", () => {
  const path = toml('grace = "1m"\n');
  chmodSync(path, 0o600);
  const ran = run(["check-config", path]);
  assert.equal(ran.status, 1);
  assert.match(
    ran.stderr,
    /config\.toml: mode 0600: list, explain, keep, end and clean fail for users; chmod 644/,
  );
});

test("a package's program prints the version of the package", () => {
  const folder = mkdtempSync(join(tmpdir(), "reaper-version-"));
  try {
    const env = { ...process.env, REAPER_VERSION: "9.8.7-rc.1" };
    const made = spawnSync(process.execPath, ["scripts/bundle.mjs", folder], { env, encoding: "utf8" });
    assert.equal(made.status, 0, made.stderr);
    const program = [join(folder, "vscode-grim-reaper.cjs"), "--version"];
    const { stdout, stderr } = spawnSync(process.execPath, program, { encoding: "utf8" });
    assert.equal(stdout, "9.8.7-rc.1\n", stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const build = readFileSync("packaging/build.sh", "utf8");
  assert.match(build, /^REAPER_VERSION=\$version node scripts\/bundle\.mjs "\$work\/dist"$/m);
});

test("a table fits its terminal: the costs go first, then the reason is cut; --full shows everything", {
  skip: spawnSync("script", ["--version"]).error ? "script is not installed" : false,
}, () => {
  const on = (columns: number, more = ""): string[] => {
    const program = `${process.execPath} ${resolve("dist/vscode-grim-reaper.cjs")} replay ${more} test/fixtures/snapshot.json`;
    const command = ["-qec", `stty cols ${columns}; ${program}`, "/dev/null"];
    const { stdout } = spawnSync("script", command, {
      encoding: "utf8",
      env: { PATH: process.env.PATH, TERM: "dumb" },
    });
    const lines = stdout.replaceAll("\r", "").split("\n");
    assert.match(lines[0] ?? "", /^PID +USER .* WHY$/);
    return lines;
  };
  for (const columns of [60, 80, 100, 140])
    for (const line of on(columns)) assert.ok(line.length <= columns, `${columns}: ${line}`);
  assert.match(on(140)[0] ?? "", / PROCS /);
  assert.doesNotMatch(on(80)[0] ?? "", / PROCS /);
  assert.match(on(80)[1] ?? "", /unused since .*…$/);
  assert.match(on(60, "--full").slice(0, 2).join("\n"), / PROCS [\s\S]*will end it$/);
});

test("a reader of standard output that leaves is not a failure", () => {
  const program = resolve("dist/vscode-grim-reaper.cjs");
  const script = `"${process.execPath}" "${program}" snapshot | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`;
  const ran = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  assert.equal(ran.stdout.trim(), "0", ran.stderr);
});

test("a process table that cannot be read is one clear error", {
  skip: isRoot ? false : "root only: unshare",
}, () => {
  const program = resolve("dist/vscode-grim-reaper.cjs");
  const script = 'mount -t tmpfs none /proc && exec "$0" "$1" list';
  const ran = spawnSync("unshare", ["--mount", "sh", "-c", script, process.execPath, program], {
    encoding: "utf8",
  });
  assert.equal(ran.status, 1, ran.stderr);
  assert.match(
    ran.stderr,
    /^vscode-grim-reaper: cannot read the process table in \/proc: .*; is proc mounted there, and whole .*\?\n$/,
  );
});

import { run, temporaryFile } from "./helpers/program.ts";
import { isRoot, USER } from "./helpers/real.ts";
