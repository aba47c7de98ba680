// Old server versions in real folders, also in those that somebody prepared against their owner.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Version } from "../../../src/tools/core/clean/choose.ts";
import { LEFTOVER } from "../../../src/tools/core/clean/layout.ts";
import { findVersions } from "../../../src/tools/shell/find-versions.ts";
import { removeVersion } from "../../../src/tools/shell/remove-version.ts";
import { run } from "../../helpers/program.ts";

const root = process.getuid?.() === 0;
/** Root's tests act for a user that no account has, and that no other run at this time has: it sees all processes. */
const USER = root ? 50_000 + 2 * (process.pid % 5000) : (process.getuid?.() ?? 0);
const OTHER = USER + 1;
const OLD = "1".repeat(40);
const NEW = "2".repeat(40);
const FOLDERS = [{ product: "vscode", path: ".vscode-server" }];
const DAY = 86_400;

let home: string;
let server: string;

function put(path: string, text = "x".repeat(5000), ageDays = 0, owner = USER): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  if (ageDays > 0) age(path, ageDays);
  if (root) own(path, owner);
  return path;
}

const age = (path: string, days: number): void =>
  utimesSync(path, Date.now() / 1000 - days * DAY, Date.now() / 1000 - days * DAY);

function own(path: string, owner: number): void {
  for (let at = path; at.startsWith(home); at = dirname(at)) chownSync(at, owner, owner);
}

/** A version of the first layout and one of the second; OLD is older. */
function install(commit: string, ageDays: number): void {
  const [first, second] = [join(server, "bin", commit), join(server, "cli/servers", `Stable-${commit}`)];
  for (const file of ["out/server-main.js", "node"]) put(join(first, file), undefined, ageDays);
  for (const file of ["server/node", "log.txt"]) put(join(second, file), undefined, ageDays);
  for (const file of [`code-${commit}`, `.${commit}.log`]) put(join(server, file), "x", ageDays);
  for (const folder of [first, second]) age(folder, ageDays);
}

const find = (pidOf: (folder: string, version: string) => number | null = () => null) =>
  findVersions(home, USER, FOLDERS, pidOf);
const old = (): Version => {
  const { versions, errors } = find();
  assert.deepEqual(errors, []);
  const found = versions.find(({ version }) => version === OLD);
  assert.ok(found);
  return found;
};
const remove = (version: Version, pidOf: () => number | null = () => null) =>
  removeVersion(version, USER, pidOf);
const clean = (...args: string[]) => run(["clean", ...args], { uid: USER, env: { HOME: home } });
const codes = (): string[] => [OLD, NEW].map((commit) => join(server, `code-${commit}`));
const everything = (): string[] => readdirSync(server, { recursive: true, encoding: "utf8" });
const present = (): string[] => everything().filter((path) => path.includes(OLD));

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "reaper-clean-"));
  chmodSync(home, 0o755);
  server = join(home, ".vscode-server");
  install(OLD, 90);
  install(NEW, 2);
  put(join(server, "extensions/ext/package.json"), "{}", 90);
  put(join(server, "data/Machine/settings.json"), "{}", 90);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("clean", () => {
  test("finds the parts of a version, dates and measures it", () => {
    const found = old();
    const paths = [...found.installs.toSorted(), ...found.traces].map((path) => relative(server, path));
    assert.deepEqual(paths, [`bin/${OLD}`, `cli/servers/Stable-${OLD}`, `code-${OLD}`, `.${OLD}.log`]);
    assert.ok(Math.abs((found.tracedAt ?? 0) - (Date.now() - 90 * DAY * 1000)) < 60_000);
  });

  test("space is what du counts: blocks, and a file with several names once, in whatever version", () => {
    const shared = put(join(server, "bin", OLD, "shared"), "x".repeat(1_000_000));
    for (const name of [join(server, "bin", OLD, "again"), join(server, "bin", NEW, "shared")])
      linkSync(shared, name);
    const sparse = put(join(server, "bin", OLD, "sparse"), "");
    truncateSync(sparse, 100_000_000);
    const folders = [join(server, "bin"), join(server, "cli/servers")];
    const du = execFileSync("du", ["-skc", ...folders, ...codes()], { encoding: "utf8" });
    const { versions, errors } = find();
    assert.deepEqual(errors, []);
    const own = folders.reduce((sum, folder) => sum + lstatSync(folder).blocks / 2, 0);
    const sum = versions.reduce((all, { kib }) => all + (kib ?? Number.NaN), 0);
    assert.equal(sum, Number(/(\d+)\ttotal/.exec(du)?.[1]) - own);
  });

  test("removes a version with its log, and nothing beside it", () => {
    const before = everything().filter((path) => !path.includes(OLD));
    assert.equal(remove(old()), null);
    assert.deepEqual(everything().sort(), before.sort());
  });

  test("follows the link that the server folder itself is, and no other", () => {
    const scratch = join(home, "scratch");
    renameSync(server, scratch);
    symlinkSync(scratch, server);
    assert.equal(old().folder, scratch);
    renameSync(join(scratch, "bin"), join(home, "elsewhere"));
    symlinkSync(join(home, "elsewhere"), join(scratch, "bin"));
    const { versions, errors } = find();
    assert.match(errors.join("\n"), /bin: a symbolic link; it is left alone/);
    assert.ok(versions.every(({ installs }) => !installs.some((path) => path.includes("/bin/"))));
  });

  test("a link inside a version goes, and what it names stays", () => {
    const precious = put(join(home, "thesis/chapter.tex"));
    symlinkSync(join(home, "thesis"), join(server, "bin", OLD, "thesis"));
    symlinkSync(precious, join(server, "bin", OLD, "out/chapter"));
    assert.equal(remove(old()), null);
    assert.deepEqual(present(), []);
    assert.equal(readFileSync(precious, "utf8").length, 5000);
  });

  test("a version that is swapped for a link is not removed through it", () => {
    const precious = put(join(home, "thesis/chapter.tex"));
    const found = old();
    rmSync(join(server, "bin", OLD), { recursive: true });
    symlinkSync(join(home, "thesis"), join(server, "bin", OLD));
    if (root) lchownSync(join(server, "bin", OLD), USER, USER);
    assert.throws(() => remove(found), /neither a file nor a folder/);
    assert.ok(existsSync(precious));
    assert.ok(existsSync(join(server, `code-${OLD}`)), "what was renamed has its name again");
  });

  test("the server folder swapped for a link after it was looked at is not followed", () => {
    const found = old();
    renameSync(server, join(home, "real"));
    symlinkSync(join(home, "real"), server);
    assert.throws(() => remove(found), /a link leads there now/);
    assert.ok(existsSync(join(home, "real/bin", OLD)));
  });

  test("removes read-only folders of a package", () => {
    chmodSync(join(server, "bin", OLD, "out"), 0o500);
    chmodSync(join(server, "bin", OLD), 0o500);
    const { status, stdout, stderr } = clean("--yes", "--older", "0");
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(present(), []);
  });

  test("what an interrupted clean left is found again, and removed", () => {
    renameSync(join(server, "bin", OLD), join(server, "bin", `${LEFTOVER}${OLD}`));
    rmSync(join(server, `code-${OLD}`));
    rmSync(join(server, "cli/servers", `Stable-${OLD}`), { recursive: true });
    assert.equal(old().leftover, true);
    assert.equal(remove(old()), null);
    assert.deepEqual(present(), []);
  });

  test("a server that starts between the look and the removal keeps its version", () => {
    const found = old();
    put(join(server, `.${OLD}.log`), "a new line");
    assert.match(remove(found) ?? "", /log or lock was written meanwhile/);
    assert.ok(existsSync(join(server, "bin", OLD, "node")));
    const again = old();
    assert.match(remove({ ...again }, () => 99) ?? "", /process 99 runs it now/);
    assert.ok(existsSync(join(server, "bin", OLD, "node")));
  });

  test("a log inside the version counts as well", () => {
    const found = old();
    put(join(server, "cli/servers", `Stable-${OLD}`, "log.txt"), "a new line");
    assert.match(remove(found) ?? "", /meanwhile/);
  });

  /** Says which process keeps OLD while one runs, as its user sees it. */
  async function keeperDuring(start: () => ChildProcess): Promise<[found: number | null, started?: number]> {
    const child = start();
    try {
      await new Promise((done) => setTimeout(done, 100));
      const kept = [...clean().stdout.matchAll(/ (\d)\1{11} .* runs here \(process (\d+)\)$/gm)];
      const found = kept[0] === undefined ? null : Number(kept[0][2]);
      assert.ok(kept.every(([, digit]) => digit === OLD[0]));
      return child.pid === undefined ? [found] : [found, child.pid];
    } finally {
      child.kill("SIGKILL");
      await new Promise((done) => child.once("close", done));
    }
  }
  const as = (uid: number) => ({ stdio: "ignore" as const, ...(root && { uid, gid: uid }) });
  const naming = (uid: number, path: string): ChildProcess =>
    spawn("sh", ["-c", "sleep 60; :", path], as(uid));

  test("a running process keeps its version: by working folder or argument", async () => {
    for (const start of [
      () => spawn("sleep", ["60"], { cwd: join(server, "bin", OLD), ...as(USER) }),
      () => naming(USER, `/another/name/of/${OLD}/out/server-main.js`),
    ]) {
      const [found, started] = await keeperDuring(start);
      assert.equal(found, started);
    }
  });

  test("another user's process counts by the path, not by the commit that both run", {
    skip: !root,
  }, async () => {
    const [none] = await keeperDuring(() => naming(OTHER, `/home/x/.vscode-server/bin/${OLD}/node`));
    assert.equal(none, null);
    const [found, started] = await keeperDuring(() => naming(OTHER, `${server}/bin/${OLD}/node`));
    assert.equal(found, started);
  });

  test("another user's folder and another user's version are left alone", { skip: !root }, () => {
    chownSync(join(server, "bin", OLD), OTHER, OTHER);
    assert.throws(() => remove(old()), new RegExp(`belongs to uid ${OTHER}`));
    chownSync(server, OTHER, OTHER);
    const { versions, errors } = find();
    assert.deepEqual(versions, []);
    assert.match(errors.join("\n"), new RegExp(`belongs to uid ${OTHER}, not to you`));
  });

  test("a file system that is mounted inside is not entered", { skip: !root }, () => {
    const at = join(server, "bin", OLD, "mounted");
    put(join(at, "below"));
    age(dirname(at), 90);
    // By the environment: a process that names a version keeps it.
    const left = join(server, "bin", `${LEFTOVER}${OLD}`);
    const env = { PATH: process.env.PATH, HOME: home, AT: at, LEFT: left };
    const script = `mount -t tmpfs none "$AT" && touch "$AT/data" && chown -R ${USER} "$AT"
      setpriv --reuid ${USER} --regid ${USER} --clear-groups "$0" "$1" clean --yes --older 0
      echo "status $?"; ls "$LEFT/mounted"`;
    const args = ["--mount", "sh", "-c", script, process.execPath, resolve("dist/vscode-grim-reaper.cjs")];
    const { stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8", env });
    assert.match(stdout, /status 1\ndata\n$/, stderr);
    assert.match(stderr, /not removed: .*mounted.*different device/);
  });

  test("a file of another user's inside ends the removal, and says so", { skip: !root }, () => {
    const inner = join(server, "bin", OLD, "out/theirs");
    put(join(inner, "file"));
    for (const path of [inner, join(inner, "file")]) chownSync(path, OTHER, OTHER);
    chmodSync(inner, 0o755);
    const { status, stdout, stderr } = clean("--yes", "--older", "0");
    assert.equal(status, 1, stdout);
    assert.match(stderr, /not removed: .*theirs.*Permission denied/);
    assert.ok(existsSync(join(server, "bin", `${LEFTOVER}${OLD}`, "out/theirs/file")));
  });
});

describe("the command", () => {
  test("root may not", { skip: !root }, () => {
    const { status, stderr } = run(["clean", "--yes", "--older", "0"], { env: { HOME: home } });
    assert.equal(status, 64);
    assert.match(stderr, /root does not clean/);
    assert.equal(present().length, 10);
  });

  test("without --yes it only says what it would remove", () => {
    const { status, stdout } = clean("--older", "0");
    assert.equal(status, 0);
    assert.match(stdout, /vscode +1{12} .* remove +unused for/);
    assert.match(stdout, /vscode +2{12} .* keep +the newest of its product/);
    assert.match(stdout, /^Would remove 1 version, \d+ KiB\. To remove them: \S+ clean --yes$/m);
    assert.equal(present().length, 10);
  });

  test("a version that came here today is not old, whatever its files' dates say", () => {
    assert.match(clean().stdout, /Nothing to remove/);
  });

  test("--yes removes and says what it removed", () => {
    const { status, stdout } = clean("--yes", "--older", "0");
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^Removed 1 version, \d+ KiB\.$/m);
    assert.deepEqual(present(), []);
    assert.ok(lstatSync(join(server, "extensions/ext/package.json")).isFile());
  });
});
