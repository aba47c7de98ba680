// The built session-close as pam_exec would start it: in a mount namespace with an empty /run, under a login uid of
// its own. Whatever happens it ends with status 0, soon, and says nothing to the client.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { Tag } from "../../src/core/observation/observation.ts";
import { temporaryFolder } from "../helpers/program.ts";

const USER = 4321;
const UNSET = 4294967295;
const RUN = "/run/vscode-grim-reaper";
const TAGS = `${RUN}/tags`;
/** A pipe without a writer, in place of a file that it opens: it waits there. */
const STUCK = "mkfifo /run/fifo && mount --bind /run/fifo /etc/login.defs";
/** Waits until the hook, $p, waits there, or has ended. */
const IS_STUCK = `until ! exe=$(readlink /proc/$p/exe) ||
  { [ "$exe" = "$0" ] && grep -q "^State:.S" /proc/$p/status; }; do :; done`;

function findHook(): string {
  const found = ["build/session-close", "build/core/session-close"].find((path) => existsSync(path));
  if (found === undefined) throw new Error("session-close is not built: npm run build:native");
  return resolve(found);
}

const HOOK = findHook();
const skip = whyNot();

/** Namespaces and login uids need root; some containers deny the one or the other. */
function whyNot(): string | false {
  if (process.getuid?.() !== 0) return "needs root: a mount namespace and a login uid";
  const probe = inNamespace("cat /proc/self/loginuid");
  return probe.stdout === String(USER) ? false : `cannot set a login uid here: ${probe.stderr.trim()}`;
}

/** Runs shell text with an empty /run, under a login uid; $0 is the hook. */
function inNamespace(command: string, loginUid = USER) {
  const script = `mount -t tmpfs -o mode=755 tmpfs /run && echo ${loginUid} > /proc/self/loginuid && ${command}`;
  const args = ["--mount", "--propagation", "private", "/bin/sh", "-c", script, HOOK];
  return spawnSync("unshare", args, { encoding: "utf8", env: { PATH: process.env.PATH } });
}

interface Setting {
  readonly loginUid?: number;
  readonly before?: string;
  readonly hook?: string;
}

/** Runs the hook and answers its status and what it left in the folder of tags. */
function closeSession({ loginUid = USER, before = "true", hook = '"$0"' }: Setting) {
  const run = inNamespace(
    `${before}; ${hook}; echo "status $?"; cat ${TAGS}/*.json 2>/dev/null;
      stat -c 'mode %a %u' ${RUN} ${TAGS} 2>/dev/null; ls -A ${TAGS}/ 2>/dev/null | sed 's/^/file /'`,
    loginUid,
  );
  const of = (word: string): string[] =>
    run.stdout.split("\n").flatMap((line) => (line.startsWith(word) ? [line.slice(word.length)] : []));
  return {
    status: of("status ")[0],
    tags: of("{").map((rest) => JSON.parse(`{${rest}`) as Tag & { schemaVersion: number; bootId: string }),
    modes: of("mode "),
    files: of("file "),
    stderr: run.stderr,
  };
}

test("not as root it tags nothing, says why and succeeds", () => {
  const identity = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  const copy = join(folder, "session-close");
  copyFileSync(HOOK, copy);
  chmodSync(copy, 0o755);
  const run = spawnSync(copy, ["--tag-directory", folder], { encoding: "utf8", cwd: "/", ...identity });
  assert.deepEqual([run.status, run.stdout], [0, ""]);
  assert.match(run.stderr, /must be started as root/);
});

test("the user is tagged, whatever the environment and the arguments say", { skip }, () => {
  const environment = {
    PAM_USER: "root",
    PAM_TYPE: "open_session",
    LD_PRELOAD: "/nonexistent.so",
    GLIBC_TUNABLES: "glibc.malloc.check=3:x=y",
    PAM_RHOST: "10.0.0.1\u001b[2J",
    XDG_SESSION_ID: "../c1",
    LOCPATH: "/nonexistent",
  };
  const variables = Object.entries(environment).map(([name, value]) => `${name}='${value}'`);
  const before = Date.now();
  const hook = `env ${variables.join(" ")} "$0" --help /etc/shadow --tags=/tmp`;
  const { status, tags, modes, files, stderr } = closeSession({ hook });
  assert.equal(status, "0");
  // ld.so of `env` itself complains about the preload; the hook has none.
  assert.doesNotMatch(stderr, /session-close/);
  assert.deepEqual([files, modes], [[`${USER}.json`], ["700 0", "700 0"]]);
  const [tag] = tags;
  assert.ok(tag);
  const { auditSession, closedAt, closedUptime, ...rest } = tag;
  assert.deepEqual(rest, {
    schemaVersion: 1,
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    uid: USER,
    logindSession: null,
    remoteHost: "10.0.0.1?[2J",
  });
  assert.equal(typeof auditSession, "number");
  assert.ok(closedAt >= before && closedAt <= Date.now());
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
  assert.ok(closedUptime <= uptime + 20 && closedUptime > uptime - 60_000);
});

/** Soft limits with the hard ones left open, as every root may raise them again. */
const SOFT = "--fsize=0: --nofile=3: --as=16000000: --data=1000000: --cpu=1: --nproc=1:";
const HARD = "--fsize=0 --nofile=3 --as=16000000 --data=1000000 --cpu=1 --nproc=1";
const mayRaise = spawnSync("prlimit", ["--nofile=64:64", "prlimit", "--nofile=65:65", "true"]).status === 0;

const notRaised = skip || (mayRaise ? false : "needs CAP_SYS_RESOURCE");

const fine: readonly (readonly [what: string, hook: string, before?: string, skipped?: typeof skip])[] = [
  ["the user's soft limits and niceness", `nice -n 19 prlimit ${SOFT} "$0"`],
  ["the user's hard limits", `nice -n 19 prlimit ${HARD} "$0"`, "true", notRaised],
  [
    "a soft limit that it may lift no further than the hard one",
    'setpriv --bounding-set -sys_resource prlimit --fsize=0:1000000 "$0"',
  ],
  ["a umask that takes every right", `sh -c 'umask 0777; exec "$0"' "$0"`],
  ["signals that sshd ignored", `sh -c 'trap "" TERM HUP XFSZ PIPE; exec "$0"' "$0"`],
  ["processes that /proc hides", '"$0"', "mount -t proc -o hidepid=2,gid=4 proc /proc"],
  ["the least capabilities of root", 'setpriv --bounding-set -all "$0"'],
  [
    "a pid's temporary file that a dead hook left",
    `sh -c ': >${TAGS}/.${USER}.json.$$.tmp; exec "$0"' "$0"`,
    `mkdir -p -m 700 ${RUN} ${TAGS}`,
  ],
];
for (const [what, hook, before = "true", skipped = skip] of fine)
  test(`it tags with ${what}`, { skip: skipped }, () => {
    const { status, tags, files, stderr } = closeSession({ before, hook });
    assert.deepEqual([status, files, stderr], ["0", [`${USER}.json`], ""]);
    assert.equal(tags.map(({ uid }) => uid).join(), String(USER));
  });

const refused: readonly (readonly [string, Setting])[] = [
  ["without an identity", { loginUid: UNSET, hook: `PAM_USER=${USER} "$0"` }],
  ["of root", { loginUid: 0 }],
  ["of a system user", { loginUid: 999 }],
  [
    "of a user below the site's UID_MIN",
    { before: 'echo "UID_MIN 5000" >/run/defs; mount --bind /run/defs /etc/login.defs' },
  ],
  ["where it may write no file", { hook: 'setpriv --bounding-set -sys_resource prlimit --fsize=0 "$0"' }],
  ["in a linked folder", { before: `mkdir ${RUN} /run/elsewhere && ln -s /run/elsewhere ${TAGS}` }],
  ["in a linked run folder", { before: `mkdir /run/elsewhere && ln -s /run/elsewhere ${RUN}` }],
  ["in a folder open to others", { before: `mkdir -p ${TAGS} && chmod 1777 ${TAGS}` }],
  ["in a user's folder", { before: `mkdir -p ${TAGS} && chmod 700 ${TAGS} && chown ${USER} ${TAGS}` }],
  ["in a file", { before: `mkdir ${RUN} && touch ${TAGS}` }],
  ["in a pipe", { before: `mkdir ${RUN} && mkfifo ${TAGS}` }],
  ["below a run folder open to others", { before: `mkdir -m 777 ${RUN}` }],
  ["in a read-only /run", { before: "mount -o remount,ro /run" }],
  [
    "in a full /run",
    { before: "mount -t tmpfs -o size=64k,mode=755 tmpfs /run; cat /dev/zero >/run/full 2>/dev/null" },
  ],
  ["when it is stuck", { before: STUCK }],
];
for (const [where, setting] of refused)
  test(`nothing is tagged ${where}, and that is a success`, { skip }, () => {
    const { status, tags, files } = closeSession(setting);
    assert.deepEqual([status, tags, files], ["0", [], []]);
  });

test("faults are counted by the length of a file, and a session without one makes none", { skip }, () => {
  const file = `${RUN}/hook.faults`;
  const count = (before: string, loginUid = USER): string =>
    inNamespace(`${before}; "$0"; "$0"; stat -c '%s %a %F' ${file} 2>&1; cat /run/victim 2>&1`, loginUid)
      .stdout;
  for (const loginUid of [USER, 999]) assert.match(count("true", loginUid), /No such file/);
  const badTags = `mkdir -p -m 700 ${RUN} && touch ${TAGS}`;
  assert.match(count(badTags), /^2 600 regular file\n/);
  assert.match(count("true", UNSET), /^2 600 regular file\n/);
  // Neither a link nor an open folder is written through, and a full count stays as it is.
  assert.match(count(`${badTags} && touch /run/victim && ln -s /run/victim ${file}`), /symbolic link\n$/);
  assert.match(count(`mkdir -m 777 ${RUN}`), /No such file/);
  assert.match(count(`${badTags} && truncate -s 1M ${file}`), /^1048576 /);
  assert.match(count(STUCK), /^2 600 regular file\n/, "the watchdog counts, too");
});

test("a signal that ends other programs ends it with success, or not at all", { skip }, () => {
  const signals = "TERM ABRT SEGV BUS FPE ILL HUP INT PIPE XFSZ";
  const each = (text: string): string => `for s in ${signals}; do eval p=\\$p_$s; ${text}; done`;
  const start = `for s in ${signals}; do "$0" & eval p_$s=$!; done`;
  const script = [STUCK, start, each(`${IS_STUCK}; kill -$s $p`), each('wait $p; echo "$s $?"')];
  const { stdout } = inNamespace(script.join("\n"));
  assert.equal(stdout, signals.replace(/(\w+) ?/g, "$1 0\n"));
});

test("its own deadline ends it after a second, even where SIGALRM was ignored and blocked", { skip }, () => {
  const started = performance.now();
  const block = "sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGALRM)); $SIG{ALRM} = q(IGNORE); exec @ARGV";
  const { status } = closeSession({ before: STUCK, hook: `timeout 30 perl -MPOSIX -e '${block}' "$0"` });
  const elapsed = performance.now() - started;
  assert.equal(status, "0");
  assert.ok(elapsed >= 990, `ended after ${elapsed} ms: the pipe did not block it`);
});

test("while it is at work it has no capability, can gain none, makes no core and has the usual priority", {
  skip,
}, () => {
  // Stopped, so that its deadline does not end it meanwhile.
  const look = `p=$!; ${IS_STUCK}; kill -STOP $p; cut -d" " -f19 /proc/$p/stat
    grep -hE "^(CapEff|CapPrm|NoNewPrivs)|^Max core" /proc/$p/status /proc/$p/limits; kill -CONT $p; wait`;
  const { stdout } = inNamespace(`${STUCK}; ulimit -S -c 100; nice -n 5 "$0" & ${look}`);
  assert.match(stdout, /^0\nCapPrm:\t0{16}\nCapEff:\t0{16}\nNoNewPrivs:\t1\nMax core file size +0 .*\n$/);
});

test("its line in the system log: what was done, once; for a system user none; for nobody a warning", {
  skip,
}, () => {
  const daemon = `use Socket; socket(my $log, AF_UNIX, SOCK_DGRAM, 0); bind($log, pack_sockaddr_un("/dev/log"));
    system("$ENV{CALL}"); print "$_\\n" while defined recv($log, $_, 1000, MSG_DONTWAIT);`;
  const said = (loginUid: number, environment = "", before = "true"): string => {
    const dev = "mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3";
    const call = `CALL="env ${environment} $0" perl -e '${daemon}'`;
    const { stdout } = inNamespace(`${before} && ${dev} && ${call}`, loginUid);
    return stdout.replace(/\[\d+\]/g, "[N]");
  };
  assert.equal(
    said(USER, "PAM_RHOST=10.9.0.2 XDG_SESSION_ID=12"),
    `<38>vscode-grim-reaper[N]: session-close: uid ${USER}: session 12 from 10.9.0.2 closed; IDE servers that it left running are ended after their grace period unless a client returns\n`,
  );
  assert.equal(said(999), "");
  assert.match(said(USER, "", STUCK), /^<36>.* gave up after a second or a fault: no tag was written\n$/);
  assert.match(said(UNSET), /^<36>.* no tag: neither a login uid nor a user slice \(errno 3\)\n$/);
});

const skipTraced =
  skip || (spawnSync("strace", ["-V"]).error === undefined ? false : "strace is not installed");

/** Every system call that pam/README.md explains, and the files that may be opened. */
test("it makes the system calls of pam/README.md alone, and opens nothing of another process", {
  skip: skipTraced,
}, () => {
  const make = `mkdir -p -m 700 ${RUN} ${TAGS}`;
  const { stdout } = inNamespace(`${make}; strace -f -y -o /run/calls "$0"; cat /run/calls`);
  const made = new Set([...stdout.matchAll(/^\d+ +(\w+)\(/gm)].map(([, call]) => call ?? ""));
  const rows = readFileSync("pam/README.md", "utf8").matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm);
  const explained = new Set(
    [...rows].flatMap(([, names]) => [...(names ?? "").matchAll(/\w+/g)].map(String)),
  );
  const unexplained = [...made].filter((call) => !explained.has(call));
  assert.deepEqual(unexplained, [], "not explained");
  assert.ok(made.size > 20);
  const opened = [...stdout.matchAll(/open(?:at)?\(.*?"([^"]*)"/g)].map(([, path]) => path);
  const temporary = /^\.4321\.json\.\d+\.tmp$/;
  const others = opened.filter((path) => !temporary.test(path ?? ""));
  assert.deepEqual(others, [
    "/proc",
    "self/loginuid",
    "self/sessionid",
    "self/cgroup",
    "/etc/login.defs",
    "sys/kernel/random/boot_id",
    RUN,
    "tags",
  ]);
});
