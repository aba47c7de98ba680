// What users can do and are told, with real users, files and shells, in a pid and mount namespace of its own.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, describe, test } from "node:test";

const uid = USER;
const other = USER + 1;
const HOUR = 3_600_000;
const KEEP = "/run/vscode-grim-reaper-keep";
const STATE = "/var/lib/vscode-grim-reaper";
const NOTICE = `${STATE}/notices/${uid}`;
const PROFILE = resolve("profile/vscode-grim-reaper.sh");

const config = (more = ""): string => {
  const file = temporaryFile("config.toml", `grace = "0"\ntermWait = "1s"\n${more}`);
  chmodSync(join(file, ".."), 0o755);
  return file;
};

function must(argv: readonly [string, ...string[]], options: { uid?: number } = {}): string {
  const identity = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  const { status, stdout, stderr } = spawnSync(argv[0], argv.slice(1), { encoding: "utf8", ...identity });
  assert.equal(status, 0, `${argv.join(" ")}: ${stderr}`);
  return stdout;
}

function insideNamespace(): void {
  freshState();

  const suites = { keep: keeping, end: ending, notices: noticing, "the login shell": shells };
  for (const [name, suite] of Object.entries(suites))
    describe(name, () => {
      beforeEach(() => {
        rmSync(KEEP, { recursive: true, force: true });
        rmSync(STATE, { recursive: true, force: true });
        mkdirSync(KEEP);
        chmodSync(KEEP, 0o1733);
      });
      suite();
    });
}

const server = (owner = uid): Promise<Stage> => startTree(bareServer(makeHome(owner), owner));
const as = (who: number, ...args: string[]): Ran => run(args, { uid: who });

function keeping(): void {
  test("a user's request holds, is told in the log, shown, and withdrawn", async () => {
    const stage = await server();
    const asked = as(uid, "keep", "2h", "-c", config());
    assert.equal(asked.status, 0, asked.stderr);
    assert.match(asked.stdout, /^Your servers on \S+ are left alone until \d{4}-\d\d-\d\d \d\d:\d\d\.\n/);
    assert.match(as(uid, "keep", "--show", "-c", config()).stdout, /are left alone until/);
    const file = join(KEEP, String(uid));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(readFileSync(file, "utf8"), /^keep 64001 \d{13}\n$/);
    const listed = as(uid, "list", "-c", config());
    assert.equal(listed.status, 0, listed.stderr);
    assert.match(listed.stdout, /exempt[\s\S]*Your trees are left alone until/);
    const swept = run(["-v", "-c", config()]);
    assert.equal(swept.status, 0, swept.stderr);
    const left = /\] Left alone 1 process\(es\) under pid \d+ \(uid 64001\): kept by its user until \d{4}-/;
    assert.match(swept.stderr, left);
    const json = run(["-v", "--log-format", "json", "-c", config()]).stderr.trim().split("\n");
    assert.equal(json.length, 1);
    assert.equal((JSON.parse(json[0] ?? "") as { event: string }).event, "exempt");
    assert.equal(run(["-c", config()]).stderr, "", "nothing at the default level");
    // Asking again takes the place of the first.
    assert.equal(as(uid, "keep", "4h", "-c", config()).status, 0);
    assert.deepEqual(readdirSync(KEEP), [String(uid)]);
    assert.equal(living(stage).length, 1);
    assert.equal(as(uid, "keep", "--cancel", "-c", config()).stdout, "Withdrawn.\n");
    assert.equal(as(uid, "keep", "--cancel", "-c", config()).stdout, "Nothing was asked for.\n");
    assert.match(as(uid, "keep", "--show", "-c", config()).stdout, /Nothing is kept/);
    assert.match(run(["-c", config()]).stderr, /Killed 1 process\(es\)/);
    assert.deepEqual(living(stage), []);
  });

  test("no longer than the site allows, by word and by hand; refused where it is 0s; lifted by root's flag", async () => {
    const stage = await server();
    const short = config('[keep]\nmax = "1h"\n');
    assert.match(as(uid, "keep", "30h", "-c", short).stdout, /\(this site allows 1h at most\)/);
    writeFileSync(join(KEEP, String(uid)), `keep ${uid} ${Date.now() + 999 * HOUR}\n`);
    // The owner can set its mtime to any time; that changes nothing.
    utimesSync(join(KEEP, String(uid)), 4e9, 4e9);
    const shown = run(["list", "--json", "-c", short]).stdout;
    const until = /kept by its user until (\d{4}-\d\d-\d\d \d\d:\d\d)/.exec(shown)?.[1];
    assert.ok(until && Date.parse(until) <= Date.now() + HOUR, shown);
    const refusing = config('[keep]\nmax = "0s"\n');
    const refused = as(uid, "keep", "-c", refusing);
    assert.equal(refused.status, 77);
    assert.match(refused.stderr, /leaves no trees alone/);
    assert.match(run(["-n", "-c", refusing]).stderr, /Would kill 1/);
    assert.equal(run(["-f", "-c", short]).stderr, "");
    assert.match(run(["-f", "--include-exempt", "-c", short]).stderr, /Killed 1/);
    assert.deepEqual(living(stage), []);
  });

  test("root, a bad duration and a missing folder are told clearly", () => {
    assert.equal(run(["keep"]).status, 64);
    assert.equal(as(uid, "keep", "soon").status, 64);
    assert.equal(as(uid, "keep", "1h", "--cancel").status, 64);
    rmSync(KEEP, { recursive: true });
    const without = as(uid, "keep", "-c", config());
    assert.equal(without.status, 1);
    assert.match(without.stderr, /tmpfiles/);
    assert.equal(run(["-c", config()]).stderr, "");
  });

  const file = join(KEEP, String(uid));
  const line = (who = uid): string => `keep ${who} ${Date.now() + HOUR}\n`;
  /** By a user, as that user. */
  const by = (who: number, script: string): string => must(["sh", "-c", script], { uid: who });
  const forged: readonly (readonly [string, () => void, RegExp])[] = [
    [
      "another user's file",
      () => by(other, `echo '${line().trim()}' >${file}`),
      /belongs to uid 64002; removed/,
    ],
    ["another user's symlink", () => by(other, `ln -s /etc/passwd ${file}`), /belongs to uid 64002; removed/],
    ["another user's FIFO", () => by(other, `mkfifo ${file}`), /belongs to uid 64002; removed/],
    ["another user's folder", () => by(other, `mkdir ${file}`), /belongs to uid 64002; removed/],
    [
      "another user's folder with something in it",
      () => by(other, `mkdir ${file} && mkdir ${file}/x`),
      /now called \.squatter\.64002\.\d+; remove it by hand/,
    ],
    ["a name that is nobody's", () => by(other, `touch ${KEEP}/hello`), /hello for a request: .*; removed/],
    ["the user's own symlink", () => by(uid, `ln -s /etc/passwd ${file}`), /no regular file/],
    ["the user's own FIFO", () => by(uid, `mkfifo ${file}`), /no regular file/],
    ["the user's own folder", () => by(uid, `mkdir ${file}`), /no regular file/],
    [
      "a hard link",
      () => {
        const elsewhere = join(KEEP, "../elsewhere");
        writeFileSync(elsewhere, line());
        chownSync(elsewhere, uid, uid);
        linkSync(elsewhere, file);
      },
      /more than one name/,
    ],
    ["a huge file", () => by(uid, `truncate -s 900M ${file}`), /longer than 128 bytes; removed/],
    [
      "another user's word in it",
      () => by(uid, `echo '${line(other).trim()}' >${file}`),
      /speaks for uid 64002/,
    ],
    ["garbage", () => by(uid, `printf '\\033[2Jkeep' >${file}`), /is no line/],
  ];
  for (const [what, forge, fault] of forged)
    test(`no request, told, and no failure of the sweep: ${what}`, async () => {
      const stage = await server();
      forge();
      const swept = run(["-c", config()]);
      assert.equal(swept.status, 0, swept.stderr);
      assert.match(swept.stderr, fault);
      assert.match(swept.stderr, /Killed 1 process/);
      assert.deepEqual(living(stage), []);
      assert.ok(!swept.stderr.includes("\x1b"));
      if (/removed|by hand/.test(fault.source))
        assert.ok(!existsSync(file) && !existsSync(join(KEEP, "hello")));
      else assert.ok(lstatSync(file), "a user's own entry is theirs to remove");
      assert.ok(existsSync("/etc/passwd"));
      rmSync(join(KEEP, "../elsewhere"), { force: true });
    });

  test("a squatter keeps a user from asking until the next sweep, and many hide nobody's request", async () => {
    by(other, `touch ${file}; i=0; while [ $i -lt 300 ]; do : >${KEEP}/${other}.$i; i=$((i+1)); done`);
    const refused = as(uid, "keep", "-c", config());
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /somebody else has put something under your uid/);
    const swept = run(["-c", config()]);
    assert.ok(swept.stderr.trim().split("\n").length <= 12, swept.stderr);
    assert.match(swept.stderr, /291 more entries were wrong as well/);
    assert.deepEqual(readdirSync(KEEP), []);
    assert.equal(as(uid, "keep", "-c", config()).status, 0);
  });

  test("a dry run removes nothing; a folder that is not root's counts for nothing", async () => {
    const stage = await server();
    by(other, `touch ${file}`);
    run(["-n", "-c", config()]);
    assert.ok(existsSync(file));
    rmSync(KEEP, { recursive: true });
    mkdirSync(KEEP);
    writeFileSync(file, line());
    chownSync(file, uid, uid);
    chownSync(KEEP, other, other);
    chmodSync(KEEP, 0o1777);
    const swept = run(["-c", config()]);
    assert.match(swept.stderr, /not a folder of root's with the sticky bit/);
    assert.deepEqual(living(stage), []);
    rmSync(KEEP, { recursive: true });
    mkdirSync("/run/theirs");
    symlinkSync("/run/theirs", KEEP);
    assert.match(run(["-n", "-c", config()]).stderr, /not a folder of root's/);
    rmSync(KEEP);
  });
}

function ending(): void {
  test("a user ends their own trees and nobody else's, whatever they asked before", async () => {
    const [mine, theirs] = [await server(), await server(other)];
    const patient = temporaryFile("config.toml", 'termWait = "1s"\nuntagged = "two-sweeps"\n');
    chmodSync(join(patient, ".."), 0o755);
    assert.equal(as(uid, "keep", "-c", patient).status, 0);
    const dry = as(uid, "end", "-n", "-c", patient);
    assert.match(dry.stderr, /Would kill 1 process\(es\) under pid \d+ \(uid 64001\)/);
    assert.equal(living(mine).length, 1);
    const ended = as(uid, "end", "-v", "-c", patient);
    assert.equal(ended.status, 0, ended.stderr);
    assert.equal(ended.stdout, "");
    assert.match(
      ended.stderr,
      /^\[[^\]]+\] Killed 1 process\(es\) under pid \d+ \(uid 64001\)\n\[[^\]]+\] {4}/,
    );
    assert.equal(ended.stderr.trim().split("\n").length, 2, ended.stderr);
    assert.deepEqual([living(mine).length, living(theirs).length], [0, 1]);
    assert.equal(as(uid, "end", "-u", String(other), "-c", patient).status, 77);
    assert.equal(as(uid, "end", "--pid", String(theirs.pids[0]), "-c", patient).status, 1);
    assert.equal(living(theirs).length, 1);
    const nothing = as(uid, "end", "-c", patient);
    assert.equal(nothing.status, 0);
    assert.match(nothing.stderr, /there is nothing to end/);
  });

  test("only the tree that was named", async () => {
    const [one, two] = [await server(), await server()];
    assert.equal(as(uid, "end", "--pid", String(one.pids[0]), "-c", config()).status, 0);
    assert.deepEqual([living(one).length, living(two).length], [0, 1]);
  });

  test("what the site exempts stays, and is named", async () => {
    const stage = await server();
    const ended = as(uid, "end", "-c", config(`exemptUsers = [${uid}]\n`));
    assert.equal(ended.status, 0);
    assert.match(ended.stderr, /left alone: the tree of \d+: user 64001 is exempt\n.*nothing to end/);
    assert.equal(living(stage).length, 1);
  });

  test("root's sweep at the same time: all of it ends, nothing stays stopped, neither fails", async () => {
    const home = makeHome(uid);
    const ignore = ["ignore-term"] as const;
    const behaviours = { server: ignore, extensionHost: ignore, ptyHost: ignore, fileWatcher: ignore };
    const stage = await startTree(legacy(home, COMMIT, { uid, behaviours }));
    const own = config();
    const start = (args: readonly string[], who: number): Promise<Ran> =>
      new Promise((done) => {
        const argv = [resolve("dist/vscode-grim-reaper.cjs"), ...args, "-c", own];
        const child = spawn(process.execPath, argv, {
          uid: who,
          gid: who,
          stdio: ["ignore", "pipe", "pipe"],
        });
        let [stdout, stderr] = ["", ""];
        child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
        child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
        child.on("close", (status) => done({ status, stdout, stderr }));
      });
    const [swept, ended] = await Promise.all([start(["sweep", "-vv"], 0), start(["end", "-vv"], uid)]);
    assert.deepEqual(living(stage), []);
    const both = `${swept.stderr}\n${ended.stderr}`;
    assert.deepEqual([swept.status, ended.status], [0, 0], both);
    assert.match(both, /Killed \d process/);
  });

  test("root says whose", async () => {
    const [mine, theirs] = [await server(), await server(other)];
    assert.equal(run(["end", "-c", config()]).status, 64);
    assert.equal(run(["end", "-u", String(uid), "-c", config()]).status, 0);
    assert.deepEqual([living(mine).length, living(theirs).length], [0, 1]);
    assert.ok(existsSync(NOTICE), "who did not do it themselves is told");
  });
}

function noticing(): void {
  test("a reap leaves a notice that its user alone can read, as one file", async () => {
    const stage = await server();
    const site = config('[notice]\ntext = "Questions: hpc@example.org"\nurl = "https://hpc.example.org/x"\n');
    assert.equal(run(["-n", "-c", site]).status, 0);
    assert.ok(!existsSync(NOTICE), "a dry run ended nothing");
    const swept = run(["-c", site]);
    assert.equal(swept.status, 0, swept.stderr);
    assert.deepEqual(living(stage), []);
    const lines = must(["cat", NOTICE], { uid }).split("\n");
    assert.match(lines[0] ?? "", /^vscode-grim-reaper notices 1 [\w.-]+$/);
    assert.match(lines[1] ?? "", /^> \d{10}$/);
    assert.match(
      lines[2] ?? "",
      /^\| Your vscode server on \S+ was ended at .*: 1 process\(es\), \d+ KiB\.$/,
    );
    assert.match(lines[3] ?? "", /^\| {3}Why: orphaned: nobody is connected/);
    assert.deepEqual(lines.slice(-3), ["= Questions: hpc@example.org", "= https://hpc.example.org/x", ""]);
    assert.notEqual(spawnSync("cat", [NOTICE], { uid: other, gid: other }).status, 0);
    assert.notEqual(spawnSync("sh", ["-c", `echo x >${NOTICE}`], { uid, gid: uid }).status, 0);
    assert.notEqual(spawnSync("ls", [`${STATE}/notices`], { uid, gid: uid }).status, 0);
    assert.equal(statSync(NOTICE).uid, 0);
    assert.deepEqual(readdirSync(`${STATE}/notices`), [String(uid)]);

    await server();
    assert.equal(run(["-c", config()]).status, 0);
    assert.equal(readFileSync(NOTICE, "utf8").match(/^> /gm)?.length, 2);
    const ids = [...readFileSync(NOTICE, "utf8").matchAll(/^> (\d+)$/gm)].map(([, id]) => Number(id));
    assert.ok((ids[0] ?? 0) < (ids[1] ?? 0));

    const old = Date.now() / 1000 - 15 * 86_400;
    utimesSync(NOTICE, old, old);
    assert.equal(run(["-c", config()]).status, 0);
    assert.ok(!existsSync(NOTICE), "nobody came for it");
  });

  test("turned off, nothing is written and what waited is gone", async () => {
    await server();
    assert.equal(run(["-c", config()]).status, 0);
    assert.ok(existsSync(NOTICE));
    await server();
    assert.equal(run(["-c", config("[notice]\nenabled = false\n")]).status, 0);
    assert.ok(!existsSync(NOTICE));
  });

  test("a file system without ACLs is a clear fault, and the sweep has ended what it had to", async () => {
    mkdirSync(`${STATE}/notices`, { recursive: true, mode: 0o711 });
    // ramfs keeps no extended attributes.
    must(["mount", "-t", "ramfs", "-o", "mode=0711", "ramfs", `${STATE}/notices`]);
    try {
      const stage = await server();
      const swept = run(["-c", config()]);
      assert.equal(swept.status, 1);
      assert.match(swept.stderr, /its file system keeps no ACLs; use one that does, or set enabled = false/);
      assert.deepEqual(living(stage), []);
      assert.deepEqual(readdirSync(`${STATE}/notices`), []);
    } finally {
      must(["umount", `${STATE}/notices`]);
    }
  });

  test("mail waits for its unit, one for each user, and what is not deliverable is told", async () => {
    const passwd = temporaryFile(
      "passwd",
      `${readFileSync("/etc/passwd", "utf8")}aline:x:${uid}:${uid}::/:/bin/sh\n`,
    );
    must(["mount", "--bind", passwd, "/etc/passwd"]);
    try {
      await server();
      await server();
      await server(other);
      const swept = run(["-c", config('[mail]\nenabled = true\nto = "%u@example.org"\n')]);
      assert.match(swept.stderr, /cannot mail uid 64002: it has no login name/);
      const spool = `${STATE}/mail/new`;
      assert.equal(statSync(`${STATE}/mail`).mode & 0o777, 0o700);
      const [name, ...more] = readdirSync(spool);
      assert.deepEqual(more, []);
      assert.match(name ?? "", /^\d{13}-64001$/);
      const text = readFileSync(join(spool, name ?? ""), "utf8");
      assert.match(
        text,
        /^\{"schemaVersion":1,"to":"aline@example\.org","from":"root"\}\nFrom: root\nTo: aline@/,
      );
      assert.equal(text.match(/was ended at/g)?.length, 2);
      // Without a mailer it is kept, and the next sweep puts it back.
      if (!existsSync("/usr/sbin/sendmail")) {
        const delivered = run(["deliver-mail"]);
        assert.equal(delivered.status, 1);
        assert.match(delivered.stderr, /kept; tried again after the next sweep/);
        assert.deepEqual(readdirSync(`${STATE}/mail/kept`), [name]);
        run(["-c", config("[mail]\nenabled = true\n")]);
        assert.deepEqual(readdirSync(spool), [name]);
      }
      assert.equal(as(uid, "deliver-mail").status, 77);
    } finally {
      must(["umount", "/etc/passwd"]);
    }
  });

  test("a netgroup exempts the users of its triples, also of those in it, and of an empty field everybody", async () => {
    for (const folder of ["/run/upper", "/run/work"]) mkdirSync(folder);
    const layers = "lowerdir=/etc,upperdir=/run/upper,workdir=/run/work";
    must(["mount", "-t", "overlay", "-o", layers, "overlay", "/etc"]);
    try {
      const passwd = [`aline:x:${uid}:${uid}::/:/bin/sh`, `bert:x:${other}:${other}::/:/bin/sh`, ""].join(
        "\n",
      );
      appendFileSync("/etc/passwd", passwd);
      writeFileSync("/etc/nsswitch.conf", "passwd: files\ngroup: files\nnetgroup: files\n");
      writeFileSync(
        "/etc/netgroup",
        "pilots (h1, aline, d) (h2,-,)\nstaff pilots (,carol,)\nall (,,)\nempty (-,-,-)\n",
      );
      const [alines, berts] = [await server(), await server(other)];
      const exempt = (netgroup: string): string => config(`[[exempt]]\nnetgroup = "${netgroup}"\n`);
      assert.equal(run(["-c", exempt("all")]).status, 0);
      assert.deepEqual([living(alines).length, living(berts).length], [1, 1]);
      const swept = run(["-v", "-c", exempt("staff")]);
      assert.equal(swept.status, 0, swept.stderr);
      assert.match(swept.stderr, /Left alone 1 .* \(uid 64001\): netgroup staff is exempt\n/);
      assert.deepEqual([living(alines).length, living(berts).length], [1, 0]);
      assert.equal(run(["-c", exempt("empty")]).status, 0);
      assert.deepEqual(living(alines), []);
    } finally {
      must(["umount", "/etc"]);
    }
  });

  test("a netgroup that cannot be looked up spares and is told", async () => {
    const stage = await server();
    const swept = run(["-v", "-c", config('[[exempt]]\nnetgroup = "nobody-knows"\n')]);
    assert.equal(swept.status, 1);
    assert.match(swept.stderr, /cannot look up the exempt netgroup nobody-knows/);
    assert.match(swept.stderr, /Left alone 1 .*netgroup nobody-knows is exempt \(perhaps: look-up failed\)/);
    assert.equal(living(stage).length, 1);
  });

  test("check-config shows netgroups, ends that are past, and what users are told", () => {
    const toml =
      '[[exempt]]\nnetgroup = "staff"\nuntil = 2020-01-31\nreason = "pilot"\n[[exempt]]\nuser = "root"\nuntil = 2099-12-31\n';
    const { stdout } = run(["check-config", config(toml)]);
    assert.match(stdout, /^exempt +netgroup staff \(ended 2020-01-31\): pilot$/m);
    assert.match(stdout, /^exempt +user root until 2099-12-31$/m);
    assert.match(stdout, /^notices +for 14 day\(s\)$/m);
    assert.match(stdout, /^mail +off$/m);
    assert.match(stdout, /^keep +up to 1d$/m);
  });
}

const SHELLS = ["/bin/bash", "/bin/dash", "/bin/zsh", "/bin/mksh"].filter((shell) => existsSync(shell));

interface Login {
  readonly shell?: string;
  readonly tty?: boolean;
  readonly flags?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a shell that reads the profile says; with a terminal both streams are one. */
function login(
  home: string,
  { shell = "/bin/bash", tty = true, flags = "-i", env = {} }: Login = {},
): string {
  const variables = Object.entries({ HOME: home, PATH: "/usr/bin:/bin", TERM: "dumb", ...env });
  const become = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "env", "-i"];
  // The shell's own start-up files are nobody's business here.
  const bare = shell.endsWith("bash") ? "--norc" : shell.endsWith("zsh") ? "-f" : "";
  const command = [
    ...become,
    ...variables.map(([name, value]) => `${name}=${value}`),
    `${shell} ${bare} ${flags} -c '. ${PROFILE}; echo "end $?"'`,
  ].join(" ");
  const argv = tty ? ["script", "-qec", command, "/dev/null"] : ["sh", "-c", command];
  const { status, stdout, stderr } = spawnSync(argv[0] ?? "", argv.slice(1), {
    encoding: "utf8",
    timeout: 20_000,
    cwd: "/",
  });
  assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
  // A shell without a terminal complains of job control by itself; the profile adds nothing to that.
  if (!tty) assert.doesNotMatch(stderr, /profile|notice|vscode/);
  return stdout.replaceAll("\r", "");
}

function putNotice(ids: readonly number[], host = "login1"): void {
  mkdirSync(`${STATE}/notices`, { recursive: true });
  for (const folder of [STATE, `${STATE}/notices`]) chmodSync(folder, 0o711);
  const notices = ids.map((id) => `> ${id}\n| ended ${id}, \\033[31m %s $HOME \`id\`\n|   Why: x\n`).join("");
  writeFileSync(NOTICE, `vscode-grim-reaper notices 1 ${host}\n${notices}= See https://x\n`);
  chmodSync(NOTICE, 0o644);
}

function shells(): void {
  const said = (id: number): string => `ended ${id}, \\033[31m %s $HOME \`id\`\n  Why: x\n`;
  const T = 1_763_952_486;

  for (const shell of SHELLS)
    test(`${shell} shows each notice once, in a terminal`, () => {
      const home = makeHome(uid);
      putNotice([T, T + 1]);
      assert.equal(login(home, { shell }), `${said(T)}${said(T + 1)}See https://x\nend 0\n`);
      assert.equal(login(home, { shell }), "end 0\n");
      putNotice([T, T + 1, T + 2]);
      assert.equal(login(home, { shell }), `${said(T + 2)}See https://x\nend 0\n`);
      assert.equal(login(home, { shell, flags: "-i -e -u -C" }), "end 0\n");
      assert.deepEqual(readdirSync(`${home}/.local/state/vscode-grim-reaper`), ["notice-seen.login1"]);
    });

  for (const shell of SHELLS)
    test(`${shell} says nothing without a terminal, or to a command`, () => {
      const home = makeHome(uid);
      putNotice([T]);
      assert.equal(login(home, { shell, tty: false }), "end 0\n");
      assert.equal(login(home, { shell, flags: "" }), "end 0\n");
      assert.equal(login(home, { shell, env: { VSCODE_RESOLVING_ENVIRONMENT: "1" } }), "end 0\n");
      assert.ok(!existsSync(`${home}/.local`), "nothing was noted as seen");
      assert.match(login(home, { shell, flags: "-i -e -u -C" }), /ended/);
    });

  test("csh shows it by way of sh", { skip: existsSync("/bin/tcsh") ? false : "no tcsh here" }, () => {
    const home = makeHome(uid);
    putNotice([T]);
    const command = `setpriv --reuid=${uid} --regid=${uid} --clear-groups env -i HOME=${home} PATH=/usr/bin:/bin sh ${PROFILE} --from-csh`;
    const show = (): string => must(["script", "-qec", command, "/dev/null"]).replaceAll("\r", "");
    assert.equal(show(), `${said(T)}See https://x\n`);
    assert.equal(show(), "");
    must(["tcsh", "-nf", resolve("profile/vscode-grim-reaper.csh")]);
  });

  test("each login node has a marker of its own in a shared home", () => {
    const home = makeHome(uid);
    putNotice([T + 5]);
    assert.match(login(home), /ended/);
    putNotice([T], "login2");
    assert.match(login(home), /ended/);
    assert.equal(login(home), "end 0\n");
  });

  test("a home that cannot be written shows it again, silently", () => {
    putNotice([T]);
    for (const home of ["/proc", "/nonexistent"]) {
      const env = { XDG_STATE_HOME: `${home}/x` };
      for (let i = 0; i < 2; i++) assert.equal(login(home, { env }), `${said(T)}See https://x\nend 0\n`);
    }
  });

  test("what a user put in the marker's place neither hangs nor fails the login", () => {
    putNotice([T]);
    const marker = (home: string): string => `${home}/.local/state/vscode-grim-reaper/notice-seen.login1`;
    for (const make of ["mkfifo", "mkdir"]) {
      const home = makeHome(uid);
      must(["sh", "-c", `mkdir -p ${home}/.local/state/vscode-grim-reaper && ${make} ${marker(home)}`], {
        uid,
      });
      assert.match(login(home), /^ended[\s\S]*end 0\n$/);
    }
    for (const text of [
      "",
      "x",
      "-5",
      "1e9",
      "99999999999999999999999",
      "$(touch /run/owned)",
      "\u001b[2J",
    ]) {
      const home = makeHome(uid);
      must(["mkdir", "-p", `${home}/.local/state/vscode-grim-reaper`], { uid });
      writeFileSync(marker(home), text);
      assert.match(login(home), /^ended[\s\S]*end 0\n$/, text);
    }
    assert.ok(!existsSync("/run/owned"));
    const hushed = makeHome(uid);
    writeFileSync(`${hushed}/.hushlogin`, "");
    assert.equal(login(hushed), "end 0\n");
  });

  test("a file that is no notice, or not the user's, shows nothing", () => {
    const home = makeHome(uid);
    assert.equal(login(home), "end 0\n", "no folder");
    putNotice([T], "../../etc");
    assert.equal(login(home), "end 0\n");
    putNotice([T]);
    chmodSync(NOTICE, 0o600);
    assert.equal(login(home), "end 0\n");
    rmSync(NOTICE);
    must(["mkfifo", "-m", "644", NOTICE]);
    assert.equal(login(home), "end 0\n");
  });
}

// After all that it uses.
const sandbox = inPidNamespace(import.meta.url);
if (sandbox.inside) insideNamespace();
else
  test("users' side inside a pid namespace", { skip: sandbox.skip }, async (t) => {
    const { passed } = await sandbox.run();
    t.diagnostic(`${passed} tests passed inside`);
  });

import { bareServer, COMMIT, legacy } from "../helpers/ide-trees.ts";
import { type Ran, run, temporaryFile } from "../helpers/program.ts";
import { living, type Stage, startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { freshState, inPidNamespace } from "../helpers/sandbox.ts";
