// The built session-close as pam_exec would start it: in a mount namespace with an empty /run, under a login uid of
// its own. Whatever happens it ends with status 0, soon, and says nothing to the client.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type TestContext, test } from "node:test";

const USER = 4321;
const UNSET = 4294967295;
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const TAGS = "/run/vscode-grim-reaper/tags";

function findHook(): string {
  const places = [process.env.REAPER_SESSION_CLOSE ?? "", "build/session-close", "build/core/session-close"];
  const found = places.find((path) => path !== "" && existsSync(path));
  if (found === undefined) throw new Error("session-close is not built: npm run build:native");
  return resolve(found);
}

const HOOK = findHook();
const skip = whyNot();

/** Namespaces and login uids need root; some containers deny the one or the other. */
function whyNot(): string | false {
  if (process.getuid?.() !== 0) return "needs root: a mount namespace and a login uid";
  const probe = inNamespace({ loginUid: USER, command: "cat /proc/self/loginuid" });
  return probe.stdout === String(USER) ? false : `cannot set a login uid here: ${probe.stderr.trim()}`;
}

interface Setting {
  readonly loginUid: number;
  /** Shell text run with an empty /run, after the login uid is set; $0 is the hook. */
  readonly command: string;
  readonly environment?: Record<string, string>;
}

function inNamespace({ loginUid, command, environment = {} }: Setting) {
  const script = `mount -t tmpfs -o mode=755 tmpfs /run && echo ${loginUid} > /proc/self/loginuid && ${command}`;
  const args = ["--mount", "--propagation", "private", "/bin/sh", "-c", script, HOOK];
  return spawnSync("unshare", args, { encoding: "utf8", env: { PATH: process.env.PATH, ...environment } });
}

/** Runs the hook and answers its status and the tags it left. */
function closeSession(setting: {
  loginUid: number;
  before?: string;
  hook?: string;
  environment?: Record<string, string>;
}) {
  const { loginUid, before = "true", hook = '"$0"', environment = {} } = setting;
  const variables = Object.entries(environment).map(([name, value]) => `${name}='${value}'`);
  const run = inNamespace({
    loginUid,
    command: `${before}; env ${variables.join(" ")} ${hook}; echo "status $?"; cat ${TAGS}/*.json 2>/dev/null;
      stat -c 'mode %a %u' ${dirname(TAGS)} ${TAGS} 2>/dev/null; ls -A ${TAGS}/ 2>/dev/null | sed 's/^/file /'`,
  });
  const lines = run.stdout.split("\n");
  return {
    status: lines.find((line) => line.startsWith("status "))?.slice(7),
    tags: lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Tag),
    modes: lines.filter((line) => line.startsWith("mode ")),
    files: lines.filter((line) => line.startsWith("file ")).map((line) => line.slice(5)),
    stderr: run.stderr,
  };
}

/** A user's process whose executable lies where a server's does. Spawned means that its exec is done. */
async function startServer(t: TestContext, directory = ".vscode-server", uid = USER): Promise<ChildProcess> {
  const home = mkdtempSync(join(tmpdir(), "hook-test-"));
  chmodSync(home, 0o755);
  const exe = join(home, directory, "bin", COMMIT, "node");
  mkdirSync(dirname(exe), { recursive: true });
  copyFileSync("/bin/sleep", exe);
  const server = spawn(exe, ["600"], { stdio: "ignore", uid, gid: uid, cwd: "/" });
  t.after(async () => {
    server.kill("SIGKILL");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    rmSync(home, { recursive: true });
  });
  await once(server, "spawn");
  return server;
}

function startTimeOf(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
}

test("the program is static: no interpreter, no library", () => {
  const elf = readFileSync(HOOK);
  assert.equal(elf.toString("latin1", 0, 4), "\x7fELF");
  assert.equal(elf[4], 2, "64 bit");
  const offset = Number(elf.readBigUInt64LE(32));
  const headers = Array.from({ length: elf.readUInt16LE(56) }, (_, i) => offset + i * elf.readUInt16LE(54));
  const types = headers.map((at) => elf.readUInt32LE(at));
  assert.ok(types.includes(1), "PT_LOAD");
  assert.ok(!types.includes(3), "PT_INTERP");
  // A static program that can be loaded anywhere (static-pie) has a dynamic section for its own relocations alone.
  const dynamic = headers.find((at) => elf.readUInt32LE(at) === 2);
  if (dynamic === undefined) return;
  const start = Number(elf.readBigUInt64LE(dynamic + 8));
  const entries = Number(elf.readBigUInt64LE(dynamic + 32)) / 16;
  const tags = Array.from({ length: entries }, (_, i) => elf.readBigUInt64LE(start + i * 16));
  assert.ok(tags.length > 0);
  assert.ok(!tags.includes(1n), "DT_NEEDED");
});

test("not as root it tags nothing, says why and succeeds", () => {
  const identity = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const folder = mkdtempSync(join(tmpdir(), "hook-test-"));
  chmodSync(folder, 0o755);
  const copy = join(folder, "session-close");
  copyFileSync(HOOK, copy);
  chmodSync(copy, 0o755);
  const run = spawnSync(copy, ["--tag-directory", folder], { encoding: "utf8", cwd: "/", ...identity });
  rmSync(folder, { recursive: true });
  assert.equal(run.status, 0);
  assert.equal(run.stdout, "");
  assert.match(run.stderr, /must be started as root/);
});

test("every surviving tree of the user is tagged, whatever the environment says", { skip }, async (t) => {
  const server = await startServer(t);
  const other = await startServer(t, ".cursor-server");
  await startServer(t, ".vscode-server", USER + 1);
  const before = Date.now();
  const { status, tags, modes, files, stderr } = closeSession({
    loginUid: USER,
    environment: {
      PAM_USER: "root",
      PAM_TYPE: "open_session",
      LD_PRELOAD: "/nonexistent.so",
      GLIBC_TUNABLES: "glibc.malloc.check=3:x=y",
      PAM_RHOST: "10.0.0.1\u001b[2J",
      XDG_SESSION_ID: "../c1",
      LOCPATH: "/nonexistent",
    },
  });
  assert.equal(status, "0");
  // ld.so of `env` itself complains about the preload; the hook has none.
  assert.doesNotMatch(stderr, /session-close/);
  const expected = [server, other].map(({ pid }) => ({ pid, startTime: startTimeOf(pid) }));
  assert.deepEqual(
    tags.map(({ root }) => root),
    expected.sort((a, b) => (`${a.pid}` < `${b.pid}` ? -1 : 1)),
  );
  assert.deepEqual(files.length, 2);
  assert.deepEqual(modes, ["mode 700 0", "mode 700 0"]);
  const tag = tags.find(({ root }) => root.pid === server.pid);
  assert.equal(tag?.product, "vscode");
  assert.equal(tag?.uid, USER);
  assert.equal(tag?.bootId, readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  assert.equal(typeof tag?.auditSession, "number");
  assert.equal(tag?.logindSession, null);
  assert.equal(tag?.remoteHost, "10.0.0.1?[2J");
  assert.ok(tag && tag.closedAt >= before && tag.closedAt <= Date.now());
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
  assert.ok(tag && tag.closedUptime <= uptime + 20 && tag.closedUptime > uptime - 60_000);
});

/** Soft limits with the hard ones left open, as every root may raise them again. */
const SOFT = "--fsize=0: --nofile=3: --as=16000000: --data=1000000: --cpu=1: --nproc=1:";
const HARD = "--fsize=0 --nofile=3 --as=16000000 --data=1000000 --cpu=1 --nproc=1";

async function closeWithin(t: TestContext, limits: string): Promise<void> {
  const server = await startServer(t);
  const hook = `nice -n 19 prlimit ${limits} "$0"`;
  const { status, tags } = closeSession({ loginUid: USER, hook });
  assert.equal(status, "0");
  assert.deepEqual(
    tags.map(({ root }) => root.pid),
    [server.pid],
  );
}

test("the user's soft limits and niceness do not stop it", { skip }, (t) => closeWithin(t, SOFT));

const mayRaise = spawnSync("prlimit", ["--nofile=64:64", "prlimit", "--nofile=65:65", "true"]).status === 0;
const skipHard = skip || (mayRaise ? false : "needs CAP_SYS_RESOURCE");
test("the user's hard limits do not stop it", { skip: skipHard }, (t) => closeWithin(t, HARD));

test("without the right to raise a hard limit it succeeds and leaves nothing torn", { skip }, async (t) => {
  await startServer(t);
  const hook = 'setpriv --bounding-set -sys_resource prlimit --fsize=0 "$0"';
  const { status, tags, files } = closeSession({ loginUid: USER, hook });
  assert.equal(status, "0");
  assert.deepEqual({ tags, files }, { tags: [], files: [] });
});

test("arguments are ignored", { skip }, async (t) => {
  const server = await startServer(t);
  const { status, tags, stderr } = closeSession({
    loginUid: USER,
    hook: '"$0" --help /etc/shadow --tags=/tmp',
  });
  assert.equal(status, "0");
  assert.equal(stderr, "");
  assert.deepEqual(
    tags.map(({ root }) => root.pid),
    [server.pid],
  );
});

test("without an identity, and for system users, nothing is tagged", { skip }, async (t) => {
  await startServer(t);
  await startServer(t, ".vscode-server", 999);
  for (const loginUid of [UNSET, 0, 999]) {
    const { status, tags, files } = closeSession({ loginUid, environment: { PAM_USER: String(USER) } });
    assert.equal(status, "0");
    assert.deepEqual({ tags, files }, { tags: [], files: [] });
  }
});

test("a hostile tag directory is refused", { skip }, async (t) => {
  await startServer(t);
  const setups = [
    `mkdir /run/vscode-grim-reaper /run/elsewhere && ln -s /run/elsewhere ${TAGS}`,
    `mkdir /run/elsewhere && ln -s /run/elsewhere /run/vscode-grim-reaper`,
    `mkdir -p ${TAGS} && chmod 1777 ${TAGS}`,
    `mkdir -p ${TAGS} && chmod 700 ${TAGS} && chown ${USER} ${TAGS}`,
    `mkdir /run/vscode-grim-reaper && touch ${TAGS}`,
    `mkdir /run/vscode-grim-reaper && mkfifo ${TAGS}`,
    `mkdir -m 777 /run/vscode-grim-reaper`,
    "mount -o remount,ro /run",
  ];
  for (const before of setups) {
    const { status, tags, files } = closeSession({ loginUid: USER, before });
    assert.equal(status, "0", before);
    assert.deepEqual({ tags, files }, { tags: [], files: [] }, before);
  }
});

test("a full /run leaves no torn tag", { skip }, async (t) => {
  await startServer(t);
  const before = "mount -t tmpfs -o size=64k,mode=755 tmpfs /run; cat /dev/zero > /run/full 2>/dev/null";
  const { status, tags, files } = closeSession({ loginUid: USER, before });
  assert.equal(status, "0");
  assert.deepEqual({ tags, files }, { tags: [], files: [] });
});

test("faults are counted by the length of a file, and a session without one makes none", {
  skip,
}, async (t) => {
  await startServer(t);
  const file = "/run/vscode-grim-reaper/hook.faults";
  const count = (before: string): string =>
    inNamespace({
      loginUid: USER,
      command: `${before}; "$0"; "$0"; stat -c '%s %a %F' ${file} 2>&1; cat /run/victim 2>&1`,
    }).stdout;
  assert.match(count("true"), /No such file/);
  const badTags = `mkdir -p -m 700 ${dirname(TAGS)} && touch ${TAGS}`;
  assert.match(count(badTags), /^2 600 regular file\n/);
  // Neither a link nor an open folder is written through, and a full count stays as it is.
  assert.match(count(`${badTags} && touch /run/victim && ln -s /run/victim ${file}`), /symbolic link\n$/);
  assert.match(count(`mkdir -m 777 ${dirname(TAGS)}`), /No such file/);
  assert.match(count(`${badTags} && truncate -s 1M ${file}`), /^1048576 /);
  const stuck = "mkfifo /run/fifo && mount --bind /run/fifo /etc/login.defs";
  assert.match(count(stuck), /^2 600 regular file\n/, "the watchdog counts, too");
});

/** Root without CAP_SYS_PTRACE: what SELinux leaves to sshd's domain on RHEL. The folders are those of tmpfiles. */
const WITHOUT_PTRACE = 'setpriv --bounding-set -sys_ptrace "$0"';
const MAKE_FOLDERS = `mkdir -p -m 700 ${dirname(TAGS)} ${TAGS}`;

test("where executables cannot be read, it tags by process name and counts that, once for each logout", {
  skip,
}, async (t) => {
  const server = await startServer(t);
  const bystander = spawn("/bin/sleep", ["600"], { stdio: "ignore", uid: USER, gid: USER, cwd: "/" });
  t.after(() => bystander.kill("SIGKILL"));
  await once(bystander, "spawn");
  const { status, tags } = closeSession({ loginUid: USER, before: MAKE_FOLDERS, hook: WITHOUT_PTRACE });
  assert.equal(status, "0");
  assert.deepEqual(
    tags.map(({ root, product }) => [root.pid, root.startTime, product]),
    [[server.pid, startTimeOf(server.pid), "unknown"]],
  );
  const counts = `stat -c '%n %s' ${dirname(TAGS)}/hook.*`;
  const command = `${MAKE_FOLDERS}; ${WITHOUT_PTRACE}; ${WITHOUT_PTRACE}; ${counts}`;
  assert.equal(inNamespace({ loginUid: USER, command }).stdout, `${dirname(TAGS)}/hook.unreadable 2\n`);
});

/** A folder of cgroups that can be the place of a user's slice. */
const CGROUPS = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup"].find((folder) =>
  existsSync(join(folder, "cgroup.procs")),
);
const skipSlice = skip || (CGROUPS === undefined ? "no cgroups here" : false);

test("where /proc hides the user's processes, that is a fault, and not a session without servers", {
  skip: skipSlice,
}, async (t) => {
  const slice = join(CGROUPS ?? "", "test-hook.slice", `user-${USER}.slice`);
  mkdirSync(slice, { recursive: true });
  const server = await startServer(t);
  t.after(() => {
    for (const folder of [slice, dirname(slice)]) rmdirSync(folder);
  });
  writeFileSync(join(slice, "cgroup.procs"), `${server.pid}`);
  const count = (mount: string, join = `echo $$ >${slice}/cgroup.procs`): string =>
    inNamespace({
      loginUid: USER,
      command: `${MAKE_FOLDERS}; ${mount}; ${join}; ${WITHOUT_PTRACE}; ls ${TAGS}; stat -c '%n %s' ${dirname(TAGS)}/hook.*`,
    }).stdout;
  assert.match(count("true"), /^\d+-\d+\.json\n\S+hook\.unreadable 1\n$/);
  assert.match(count("mount -t proc -o hidepid=2 proc /proc"), /\.json\n/, "group 0, which is root's own");
  // A group that root is not in.
  const hiding = "mount -t proc -o hidepid=2,gid=4 proc /proc";
  const fault = `${dirname(TAGS)}/hook.faults 1\n`;
  assert.equal(count(hiding), fault);
  assert.equal(count(hiding, "true"), fault, "outside a slice, where it lists /proc");
  assert.match(count("true", "true"), /\.json\n\S+hook\.unreadable 1\n$/);
});

const skipTraced =
  skip || (spawnSync("strace", ["-V"]).error === undefined ? false : "strace is not installed");

test("the folders of systemd-tmpfiles are used as they are: no mkdir, no chmod", {
  skip: skipTraced,
}, async (t) => {
  await startServer(t);
  const command = `${MAKE_FOLDERS}; strace -f -e trace=/mkdir,/chmod,/chown -o /run/calls "$0"; cat /run/calls; ls ${TAGS}`;
  const { stdout } = inNamespace({ loginUid: USER, command });
  assert.doesNotMatch(stdout, /mkdir|chmod|chown/);
  assert.match(stdout, /^\d+-\d+\.json$/m);
});

test("its own deadline ends it after a second, even where SIGALRM was ignored", { skip }, () => {
  // A pipe without a writer, in place of a file that it opens.
  const before = "mkfifo /run/fifo && mount --bind /run/fifo /etc/login.defs";
  const started = performance.now();
  const { status } = closeSession({ loginUid: USER, before, hook: `sh -c 'trap "" ALRM; exec "$0"' "$0"` });
  const elapsed = performance.now() - started;
  assert.equal(status, "0");
  assert.ok(elapsed >= 990, `ended after ${elapsed} ms: the pipe did not block it`);
  assert.ok(elapsed < 60_000, `${elapsed} ms: the deadline did not end it`);
});

import type { Tag } from "../../src/core/observation/observation.ts";
