// What a user can write (names, titles, environments, paths, programs of a chosen name) must neither end another's
// process, nor pass for an ssh session, nor write into what root reads.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { bareServer, COMMIT, installPuppet, puppetNamed, sleeper } from "../helpers/ide-trees.ts";
import { config, type Ran, run, temporaryFile } from "../helpers/program.ts";
import { living, type PlanNode, readStat, readUids, startTree } from "../helpers/puppet.ts";
import { isRoot, makeHome, USER } from "../helpers/real.ts";
import { freshState, inPidNamespace } from "../helpers/sandbox.ts";

const sandbox = inPidNamespace(import.meta.url);
const uid = USER;
const victim = USER + 1;
const self = isRoot ? USER : (process.getuid?.() ?? USER);
if (sandbox.inside) insideNamespace();
else {
  asAnybody();
  test("forgeries inside a pid namespace", { skip: sandbox.skip }, async (t) => {
    const { passed } = await sandbox.run();
    t.diagnostic(`${passed} tests passed inside`);
  });
}

interface Listed {
  readonly root: { readonly pid: number };
  readonly uid: number;
  readonly verdict: string;
  readonly reasonCode: string;
  readonly reasons: readonly string[];
  readonly pids: readonly number[];
}
/** The tree that holds a process, or undefined. */
const treeOf = (pid: number): Listed | undefined => listed().find(({ pids }) => pids.includes(pid));
function listed(): readonly Listed[] {
  const { stdout } = run(["list", "--json", "-c", config()]);
  return (JSON.parse(stdout) as { readonly trees: readonly Listed[] }).trees;
}
const openToAll = (home: string): string => {
  spawnSync("chmod", ["-R", "a+rX", home]);
  return home;
};

/** What needs no root: what is taken for a server, and what not. */
function asAnybody(): void {
  const server = (home: string): readonly string[] => {
    const root = `${home}/.vscode-server/bin/${COMMIT}`;
    return [`${root}/node`, `${root}/out/server-main.js`, "--start-server", "--port=0"];
  };
  const NONE: readonly (readonly [string, (home: string) => Partial<PlanNode>])[] = [
    ["its command line", (home) => ({ argv: server(home) })],
    ["its title", (home) => ({ argv: ["x".repeat(400)], behaviours: [`title=${server(home).join(" ")}`] })],
    ["its name", (home) => ({ argv: server(home), behaviours: ["comm=node"] })],
    ["its environment", (home) => ({ behaviours: [`env=VSCODE_AGENT_FOLDER=${home}/.vscode-server`] })],
  ];
  for (const [what, forged] of NONE)
    test(`a program is not a server for ${what}`, async () => {
      const home = makeHome(self);
      const node = {
        name: "app",
        uid: isRoot ? uid : undefined,
        exe: puppetNamed(home, "app", self),
        argv: ["app"],
      };
      const stage = await startTree({ ...node, ...forged(home) });
      assert.equal(treeOf(stage.node("app").pid), undefined);
    });

  test("a server that hides its command line is seen, and unknown", async () => {
    const stage = await startTree(bareServer(makeHome(self), self, ["hide-argv", "comm=bash"]));
    const { pid } = stage.node("server");
    assert.equal(treeOf(pid)?.verdict, "unknown");
  });

  test("a server with a deleted executable, or one under another name, is still a server", async () => {
    const home = makeHome(self);
    const plan = bareServer(home, self);
    const stage = await startTree(plan);
    rmSync(plan.exe);
    assert.deepEqual(treeOf(stage.node("server").pid)?.pids, [stage.node("server").pid]);
  });

  const environments: readonly (readonly [name: string, verdict: string])[] = [
    ["SLURM_JOB_ID", "exempt"],
    ["PBS_JOBID", "exempt"],
    ["SLURM_JOB_IDS", "reap"],
    ["JOB_ID", "reap"],
  ];
  for (const [name, verdict] of environments)
    test(`with ${name} in its environment a tree of one's own is ${verdict}`, { skip: !isRoot }, async () => {
      const stage = await startTree(bareServer(makeHome(self), self, [`env=${name}=s3cr3t`]));
      const { pid } = stage.node("server");
      assert.equal(treeOf(pid)?.verdict, verdict, treeOf(pid)?.reasons.join());
      const ignoring = ["explain", String(pid), "-c", config('jobEnvironment = "ignore"\n')];
      assert.match(run(ignoring).stdout, /^Verdict {2}reap/m);
    });
}

function insideNamespace(): void {
  freshState();
  const sweep = (...args: string[]): Ran => run(["sweep", ...args, "-c", config()]);

  test("a program on another user's server folder is its own user's, never that one's", async () => {
    const home = openToAll(makeHome(victim));
    const theirs = bareServer(home, victim);
    openToAll(home);
    const mine: PlanNode = { ...theirs, name: "forged", uid };
    const genuine: PlanNode = { ...sshd(home), behaviours: ["tcp-connect=@server"] };
    const stage = await startTree([{ ...theirs, behaviours: ["daemon", "tcp-listen"] }, mine, genuine]);
    assert.equal(treeOf(stage.node("forged").pid)?.uid, uid);
    assert.equal(treeOf(stage.node("server").pid)?.verdict, "spare");
    assert.equal(sweep("-u", String(uid)).status, 0);
    assert.deepEqual(living(stage), ["server", "sshd"]);
  });

  // ---- Whatever is connected is use; only a genuine ssh server's session is a session.

  const app = (home: string, name: string, init: Partial<PlanNode>): PlanNode => ({
    name: "fake",
    uid,
    exe: puppetNamed(home, name, uid),
    argv: ["sshd: u [priv]"],
    behaviours: ["daemon", "setsid", "tcp-connect=@server"],
    ...init,
  });
  const placed = (home: string, path: string): Partial<PlanNode> => {
    installPuppet(home, path, uid);
    return { exe: path };
  };
  const FAKES: readonly (readonly [string, (home: string) => PlanNode])[] = [
    ["a program of one's own named sshd", (home) => app(home, "sshd", {})],
    ["one named sshd-session", (home) => app(home, "sshd-session", { argv: ["sshd-session: u@notty"] })],
    [
      "an sshd in the server's own folder",
      (home) => app(home, "x", placed(home, `${home}/.vscode-server/bin/${COMMIT}/sshd`)),
    ],
    [
      "an sshd below a folder that looks like the system's",
      (home) => app(home, "x", placed(home, `${home}/usr/sbin/sshd`)),
    ],
    ["an argv[0] of sshd", (home) => app(home, "app", { argv: ["/usr/sbin/sshd", "-D"] })],
    [
      "a kernel name of sshd",
      (home) => app(home, "app", { behaviours: ["daemon", "comm=sshd-session", "tcp-connect=@server"] }),
    ],
    [
      "the title of an ssh session",
      (home) =>
        app(home, "app", {
          argv: ["x".repeat(100)],
          behaviours: ["daemon", "title=sshd-session: u [priv]", "tcp-connect=@server"],
        }),
    ],
    [
      "the environment of an ssh session",
      (home) =>
        app(home, "app", {
          argv: ["app"],
          behaviours: ["daemon", "env=SSH_CONNECTION=10.0.0.9 51000 10.0.0.1 22", "tcp-connect=@server"],
        }),
    ],
  ];
  test("fake sessions, each connected to a server, are use as any program is", async () => {
    const rows = FAKES.map(([what, fake], i) => {
      const home = makeHome(uid);
      const [server, named] = [`server-${i}`, `fake-${i}`];
      const shield = fake(home);
      const behaviours = shield.behaviours?.map((one) =>
        one.startsWith("tcp-connect=") ? (`tcp-connect=@${server}` as const) : one,
      );
      const tree = { ...bareServer(home, uid, ["tcp-listen"]), name: server };
      return { what, server, plans: [tree, { ...shield, name: named, ...(behaviours && { behaviours }) }] };
    });
    const stage = await startTree(rows.flatMap(({ plans }) => plans));
    const trees = listed();
    const codes = rows.map(({ what, server }) => {
      const tree = trees.find(({ pids }) => pids.includes(stage.node(server).pid));
      return [what, tree?.verdict, tree?.reasonCode];
    });
    assert.deepEqual(
      codes,
      FAKES.map(([what]) => [what, "spare", "in-use-this-host"]),
    );
  });

  test("an orphan below a fake session, connected to itself, is an orphan", async () => {
    const home = makeHome(uid);
    const exe = `${home}/.vscode-server/bin/${COMMIT}/node`;
    const child: PlanNode = {
      name: "child",
      uid,
      exe,
      argv: [exe, "x"],
      behaviours: ["tcp-connect=@server"],
    };
    const server: PlanNode = {
      ...bareServer(home, uid, ["tcp-listen"], [child]),
      behaviours: ["tcp-listen"],
    };
    const fake = app(home, "sshd", { behaviours: ["daemon"], children: [server] });
    const stage = await startTree([fake, sshd(home)]);
    assert.equal(readStat(stage.node("server").pid).ppid, stage.node("fake").pid);
    assert.equal(sweep().status, 0);
    assert.deepEqual(living(stage), ["fake", "sshd"]);
  });

  test("a session of an ssh server that root runs, connected to the same port, is one", async () => {
    const home = openToAll(makeHome(uid));
    const server = bareServer(home, uid, ["tcp-listen"]);
    const session: PlanNode = { ...sshd(home), name: "session", uid, behaviours: ["tcp-connect=@server"] };
    const stage = await startTree([server, { ...sshd(home), children: [session] }]);
    assert.equal(treeOf(stage.node("server").pid)?.reasonCode, "in-use-session");
  });

  test("a /usr/sbin/sshd of one's own making, in a user namespace, is not a session", async (t) => {
    const home = makeHome(uid);
    const stage = await startTree([bareServer(home, uid, ["tcp-listen"]), sshd(home)]);
    const { port } = stage.node("server");
    const make =
      'mount -t tmpfs none /usr/sbin && cp /bin/bash /usr/sbin/sshd && exec /usr/sbin/sshd --norc -c "$0" "$@"';
    const connect = 'exec 3<>"/dev/tcp/127.0.0.1/$0" && echo connected && read -r line';
    const fake = spawn("/usr/bin/unshare", ["-Urm", "sh", "-c", make, connect, String(port)], {
      uid,
      gid: uid,
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: "/usr/bin:/bin" },
    });
    after(() => fake.stdin.end());
    const said = await firstOutput(fake);
    if (said !== "connected\n") return t.skip(`no user namespaces for users here: ${said}`);
    assert.equal(spawnSync("readlink", [`/proc/${fake.pid}/exe`]).stdout.toString(), "/usr/sbin/sshd\n");
    assert.equal(treeOf(stage.node("server").pid)?.reasonCode, "in-use-this-host");
  });

  // ---- Root is led to end something else.

  test("a setuid program, and another user's process that a tree adopted, live", async () => {
    const home = makeHome(uid);
    const setuid = join(home, "bin", "as-root");
    spawnSync("cp", [puppetNamed(home, "plain", uid), setuid]);
    chownSync(setuid, 0, 0);
    chmodSync(setuid, 0o4755);
    openToAll(home);
    const orphaned: PlanNode = { ...sleeper(home, "adopted", ["adopted"], victim), behaviours: ["daemon"] };
    const children: PlanNode[] = [
      { name: "setuid", uid, exe: setuid, argv: ["as-root"] },
      { name: "below", uid, exe: join(home, "bin", "plain"), argv: ["below"], children: [orphaned] },
    ];
    // "daemon" makes it an orphan, which the nearest subreaper adopts: the attacker's server.
    const stage = await startTree(bareServer(home, uid, ["subreaper", "ignore-term"], children));
    assert.deepEqual(readUids(stage.node("setuid").pid), [uid, 0, 0, 0]);
    assert.equal(readStat(stage.node("adopted").pid).ppid, stage.node("server").pid);
    const swept = sweep("--force", "--include-jobs", "--include-exempt");
    assert.equal(swept.status, 0, swept.stderr);
    assert.deepEqual(living(stage), ["setuid", "adopted"]);
  });

  test("a victim that is named in argv, environment or a forged tag is not touched", async () => {
    const home = makeHome(uid);
    const others = openToAll(makeHome(victim));
    const bystander = sleeper(others, "editor", ["vim", "settings.json"], victim);
    const stage = await startTree({ ...bystander, behaviours: ["daemon", "setsid"] });
    const { pid } = stage.node("editor");
    const named = [`--clientProcessId=${pid}`, `--parent-pid=${pid}`];
    const plan = bareServer(home, uid, [`env=VSCODE_PID=${pid}`]);
    const attack = await startTree({ ...plan, argv: [...plan.argv, ...named] });
    assert.equal(sweep("-n").status, 0);
    const bootId = spawnSync("cat", ["/proc/sys/kernel/random/boot_id"]).stdout.toString().trim();
    const tag = {
      schemaVersion: 1,
      bootId,
      uid: victim,
      auditSession: null,
      logindSession: null,
      closedAt: 1,
      closedUptime: 1,
      remoteHost: null,
    };
    // The strongest forgery there is: a file that only root could have put there.
    mkdirSync("/run/vscode-grim-reaper/tags", { recursive: true, mode: 0o700 });
    const file = `/run/vscode-grim-reaper/tags/${victim}.json`;
    writeFileSync(file, `${JSON.stringify(tag)}\n`, { mode: 0o600 });
    const swept = sweep();
    rmSync(file, { force: true });
    assert.equal(swept.status, 0, swept.stderr);
    assert.deepEqual([living(stage), living(attack)], [["editor"], []]);
  });

  // ---- Lines, control characters and secrets.

  const EVIL = "e\u001b[2Jvil\n[2024-01-01T00:00:00] Killed 99\u202e\u2028";
  test("hostile folders, sockets, names and arguments reach neither table, explain, log nor JSON; nor do secrets", async () => {
    const home = join(makeHome(uid), EVIL);
    mkdirSync(home);
    chownSync(home, uid, uid);
    const secret: PlanNode["behaviours"] = ["env=CONNECTION_TOKEN=s3cr3t", `comm=${EVIL.slice(0, 12)}`];
    const plan = bareServer(home, uid, ["tcp-listen", `unix-listen=${home}/s`, ...secret]);
    const server = {
      ...plan,
      argv: [...plan.argv, "--connection-token=s3cr3t", "--require-token", "s3cr3t", EVIL],
    };
    const genuine: PlanNode = { ...sshd(home), behaviours: ["daemon", `unix-connect=${home}/s`] };
    const kept = await startTree([server, genuine]);
    mkdirSync(join(home, "2"));
    const orphan = await startTree({ ...bareServer(join(home, "2"), uid, secret), name: "orphan" });
    const { pid } = kept.node("server");
    const saved = temporaryFile("host.json", run(["snapshot", "-c", config()]).stdout);
    const outputs = {
      table: run(["list", "-c", config()]).stdout,
      json: run(["list", "--json", "-c", config()]).stdout,
      explain: run(["explain", String(pid), "-c", config()]).stdout,
      snapshot: run(["snapshot", "-c", config()]).stdout,
      replay: run(["replay", saved, "-c", config()]).stdout,
      jsonLog: run(["-n", "-vv", "--log-format", "json", "-c", config()]).stderr,
      log: run(["-vv", "-c", config()]).stderr,
    };
    for (const [name, output] of Object.entries(outputs)) {
      assert.ok(output.length > 0, name);
      assert.doesNotMatch(output, /s3cr3t/, name);
      assert.doesNotMatch(output.replaceAll("\n", ""), /[\p{C}\p{Zl}\p{Zp}]/u, name);
      assert.doesNotMatch(output, /^\[2024-01-01T00:00:00\] Killed 99/m, name);
    }
    // The folder was shown, escaped; or nothing would have been put to the test.
    for (const name of ["explain", "jsonLog"] as const) assert.match(outputs[name], /vil/, name);
    assert.match(outputs.log, /e\\x1b\[2J/, "the log has room for 32 characters");
    assert.deepEqual([living(kept), living(orphan)], [["server", "sshd"], []]);
  });
}

/** An ssh server as far as the evidence goes: a program of that name which root runs. */
function sshd(home: string): PlanNode {
  return { name: "sshd", uid: 0, exe: puppetNamed(home, "genuine/sshd"), argv: ["sshd: u [priv]"] };
}

async function firstOutput(child: ChildProcess): Promise<string> {
  const { stdout, stderr } = child;
  assert.ok(stdout && stderr);
  const [bytes] = await Promise.race([once(stdout, "data"), once(stderr, "data"), once(child, "exit")]);
  return String(bytes);
}
