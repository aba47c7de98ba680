// One table drives the built program: what is typed, the exit status, and what is said.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  PROGRAM,
  type RunOptions,
  run,
  succeeds,
  temporaryFile,
  temporaryFolder,
} from "./helpers/program.ts";
import { isRoot, USER } from "./helpers/real.ts";

const toml = (text: string): string => temporaryFile("config.toml", text);
const LISTING =
  "test/fixtures/ps-listings/15-msvscode-exec-server-LIVE-server-reparented-agents-in-terminals.tsv";

const LISTED =
  '"user":"[^"]+","root":{"pid":496,"startTime":0},"uid":1000,"product":"vscode","kind":"server","verdict":"unknown"';
const NO_GROUP = 'exemptGroups = ["no-such-group"]\n';
const PROM = '[metrics]\nfile = "/tmp/x.prom"\n';
const NOBODY = /group no-such-group \(.*config\.toml:1\): .*; nothing that it may exempt is ended until this/;

function check(
  args: readonly string[],
  status: number,
  says = /^/,
  stream?: "stdout" | "stderr",
  options: RunOptions = {},
): void {
  const ran = run(args, options);
  assert.equal(ran.status, status, ran.stderr);
  assert.match(ran[stream ?? (status === 0 ? "stdout" : "stderr")], says);
  if (status !== 0)
    assert.doesNotMatch(ran.stderr, /\bat .*:\d+:\d+\)?$/m, "a stack trace for a person's mistake");
}

/**
 * What is typed, the exit status, and what is said: where a command succeeds on standard output, where it fails on
 * standard error, unless a stream is named.
 */
type Row = readonly [typed: string, status: number, says?: RegExp, stream?: "stdout" | "stderr"];

const rows: readonly Row[] = [
  ["--help", 0, /Examples:[\s\S]*Exit status: 0 all well/],
  ["--version", 0, /^\d+\.\d+\.\d+\n$/],
  ["sweep --help", 0, /--dry-run/],
  ["--dry-run", 0],
  ["sweep -n -vv", 0, /Looked at \d+ processes .* found \d+ trees?: reap/, "stderr"],
  ["-n -vv --log-format json", 0, /^\{"level":10,"time":\d+,/m, "stderr"],
  ["-n", 0, /Nothing to end|Would kill|Only your own processes were looked at/, "stderr"],
  ["-n --json", 0, /"dryRun":true/],
  ["list", 0],
  ["list --json", 0, /^\{"schemaVersion":1,"host":"[^"]+","dryRun":true,"trees":\[/],
  ["status", 0, /^mode +enforcing[\s\S]*^trees|^your trees/m],
  ["status --json", 0, /^\{"schemaVersion":1,"host":.*"now":"\d{4}-[^"]+Z"/],
  ["snapshot", 0, /^\{"schemaVersion":1,.*"bootId":"[0-9a-f-]{36}"/],
  ["--nonsense", 64, /unknown option '--nonsense'/],
  ["lsit", 64, /^vscode-grim-reaper: unknown command lsit; did you mean "list"\? \(see --help\)\n$/],
  ["explain", 64, /missing required argument 'pid'/],
  ["explain abc", 64, /'abc' is invalid for argument 'pid'\. A process id is a whole number above 0/],
  ["explain \u001b[31m", 64, /argument value '\\x1b\[31m' is invalid/],
  ["explain 4194399", 1, /there is no process 4194399; "vscode-grim-reaper list" shows/],
  ["--pid 4194399 -n", 1, /there is no process 4194399/],
  ["-n -u no-such-user-here", 64, /there is no user no-such-user-here/],
  ["-n --log-format xml", 64, /Allowed choices are standard, json/],
  ["-n --include-jobs", 64, /need --force/],
  ["-n -c /nonexistent.toml", 78, /^vscode-grim-reaper: \/nonexistent\.toml: cannot be read: ENOENT/],
  ["replay /nonexistent", 1, /\/nonexistent: cannot be read/],
  [`replay ${LISTING} --format ps`, 0, /^ *PID +USER +PRODUCT +VERDICT[\s\S]*496 .* vscode +unknown/],
  [`replay ${LISTING} --format ps --json`, 0, new RegExp(LISTED.replaceAll("{", "\\{"))],
  ["-n -l /nonexistent/x.log -vv", 1, /cannot open the log file \/nonexistent\/x\.log[\s\S]*Looked at/],
];
for (const [typed, status, says, stream] of rows)
  test(`vscode-grim-reaper ${typed}`, () => check(typed.split(" "), status, says, stream));

/** The same with a file of this text. */
const withFile: readonly (readonly [text: string, ...Row])[] = [
  ['graec = "10m"\n', "-n -c", 78, /config\.toml:1: graec: unknown key; did you mean "grace"\?\n$/],
  ['\ngrace = "ten minutes"\n', "list -c", 78, /\.toml:2: grace: must be a duration such as "90s"/],
  ['[graceByProduct]\ncurser = "1h"\n', "check-config", 1, /"curser"; did you mean "cursor"\?/],
  [`exemptUsers = ["x-1"]\n${PROM}`, "check-config", 1, /\n2 problems\n$/, "stdout"],
  [PROM, "check-config", 1, /x\.prom: the service does not see \/tmp/],
  ["ledger = 5\n", "check-config", 78, /config\.toml:1: ledger: must be a table\n$/],
  ["grace = [", "check-config", 78, /config\.toml:1: not TOML: /],
  ["enforce = false\n", "check-config", 0, /enforce +false: sweeps only observe {2}\[config\.toml\]\n/],
  ['grace = "1h"\n', "check-config", 0, /grace +1h {2}\[config\.toml\][\s\S]*\nOK\n$/],
  [
    '[[exempt]]\ngroup = "staff"\nuntil = 2020-01-31\nreason = "pilot"\n',
    "check-config",
    0,
    /^notice\.days +14$[\s\S]*^keep\.max +1d$[\s\S]*^exempt +group staff \(ended 2020-01-31\): pilot {2}\[config\.toml\]$/m,
  ],
  ['exemptUsers = ["x-1"]\n', "check-config", 1, /x-1 \(.*\.toml:1\): .*; it exempts no user/],
  [NO_GROUP, "check-config", 1, NOBODY],
  [NO_GROUP, "list -c", 1, NOBODY],
  [NO_GROUP, "-n -c", 1, NOBODY],
  [NO_GROUP, "status -c", 1, NOBODY, "stdout"],
  [NO_GROUP, "doctor -c", 1, NOBODY, "stdout"],
  ["{}", "replay", 1, /config\.toml: schemaVersion: .*make one with snapshot/],
  ["x", "replay", 1, /config\.toml: .*JSON.*make one with snapshot/],
  ["x", "replay --format ps", 1, /\.toml: line 1 is not a row of uid, pid, ppid and args; make a listing/],
];
for (const [text, typed, status, says, stream] of withFile)
  test(`vscode-grim-reaper ${typed} FILE: ${JSON.stringify(text)}`, () =>
    check([...typed.split(" "), toml(text)], status, says, stream));

test("an ordinary user's list and dry run work, and list says what it did not look at", {
  skip: isRoot ? false : "root only: becomes that user",
}, () => {
  assert.match(run(["list"], { uid: USER }).stdout, /^Only your own processes were looked at.*\.$/m);
  for (const args of [["list"], ["-n", "-vv"], ["list", "--json"]]) succeeds(args, { uid: USER });
  const refused = (args: readonly string[], status: number, says: RegExp) =>
    check(args, status, says, "stderr", { uid: USER });
  refused([], 77, /needs root: run it with sudo, or look with --dry-run; to end your own trees: /);
  refused(["list", "-u", "0"], 77, /only root can judge other users' processes/);
  const closed = toml('grace = "1m"\n');
  chmodSync(closed, 0o600);
  const says = /config\.toml: only root can read it; an administrator mends that with chmod 644\n$/;
  refused(["list", "-c", closed], 78, says);
});

test("a configuration that others may write is refused", { skip: isRoot ? false : "root only" }, () => {
  const path = toml('grace = "1m"\n');
  chmodSync(path, 0o666);
  check(
    ["-n", "-c", path],
    78,
    /users other than root can write it; run chown root:root and chmod go-w on it/,
  );
});

test("a configuration that users cannot read is a problem, named with its effect", () => {
  const path = toml('grace = "1m"\n');
  chmodSync(path, 0o600);
  const says = /config\.toml: mode 0600: list, explain, keep, end and clean fail for users; chmod 644/;
  check(["check-config", path], 1, says);
});

test("a package's program prints the version of the package", () => {
  const folder = temporaryFolder();
  const env = { ...process.env, REAPER_VERSION: "9.8.7-rc.1" };
  const made = spawnSync(process.execPath, ["scripts/bundle.mjs", folder], { env, encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  const program = [join(folder, "vscode-grim-reaper.cjs"), "--version"];
  const { stdout, stderr } = spawnSync(process.execPath, program, { encoding: "utf8" });
  assert.equal(stdout, "9.8.7-rc.1\n", stderr);
  const build = readFileSync("packaging/build.sh", "utf8");
  assert.match(build, /^REAPER_VERSION=\$version node scripts\/bundle\.mjs "\$work\/dist"$/m);
});

test("a table fits its terminal: the reason is cut", {
  skip: spawnSync("script", ["--version"]).error ? "script is not installed" : false,
}, () => {
  const on = (columns: number): string[] => {
    const program = `${process.execPath} ${PROGRAM} replay test/fixtures/snapshot.json`;
    const command = ["-qec", `stty cols ${columns}; ${program}`, "/dev/null"];
    const { stdout } = spawnSync("script", command, {
      encoding: "utf8",
      env: { PATH: process.env.PATH, TERM: "dumb" },
    });
    const lines = stdout.replaceAll("\r", "").split("\n");
    assert.match(lines[0] ?? "", /^PID +USER .* WHY$/);
    return lines;
  };
  for (const columns of [80, 100, 140])
    for (const line of on(columns)) assert.ok(line.length <= columns, `${columns}: ${line}`);
  assert.match(on(80)[1] ?? "", /unused since .*…$/);
  assert.match(run(["replay", "test/fixtures/snapshot.json"]).stdout, /unused since .* will end it$/m);
});

test("a reader of standard output that leaves is not a failure", () => {
  const script = `"${process.execPath}" "${PROGRAM}" snapshot | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`;
  const ran = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  assert.equal(ran.stdout.trim(), "0", ran.stderr);
});

test("a process table that cannot be read is one clear error", {
  skip: isRoot ? false : "root only: unshare",
}, () => {
  const script = 'mount -t tmpfs none /proc && exec "$0" "$1" list';
  const args = ["--mount", "sh", "-c", script, process.execPath, PROGRAM];
  const ran = spawnSync("unshare", args, { encoding: "utf8" });
  assert.equal(ran.status, 1, ran.stderr);
  assert.match(
    ran.stderr,
    /^vscode-grim-reaper: cannot read the process table in \/proc: .*; is proc mounted there, and whole .*\?\n$/,
  );
});
