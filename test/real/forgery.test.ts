// What a user can write (names, titles, environments, paths, programs of a chosen name) must neither end another's
// process, nor pass for an ssh session, nor write into what root reads.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { RUN_FOLDER, writeTag } from "../helpers/faults.ts";
import { bareServer, COMMIT, installPuppet, puppetNamed, sleeper } from "../helpers/ide-trees.ts";
import { config, listed, type Ran, run, temporaryFile, treeOf } from "../helpers/program.ts";
import { type Behaviour, living, type PlanNode, readStat, readUids, startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

insidePidNamespace(import.meta.url, "forgeries", insideNamespace);

const uid = USER;
const victim = USER + 1;

const sweep = (...args: string[]): Ran => run(["sweep", ...args, "-c", config()]);
const openToAll = (home: string): string => {
  spawnSync("chmod", ["-R", "a+rX", home]);
  return home;
};

/** An ssh server as far as the evidence goes: a program of that name which root runs. */
function sshd(home: string): PlanNode {
  return { name: "sshd", uid: 0, exe: puppetNamed(home, "genuine/sshd"), argv: ["sshd: u [priv]"] };
}

/** A program of the user's own at a path, connected to the server of the row's name. */
function app(home: string, path: string, argv: readonly string[], ...behaviours: Behaviour[]): PlanNode {
  installPuppet(home, join(home, path), uid);
  return { name: "fake", uid, exe: join(home, path), argv, behaviours: ["daemon", "setsid", ...behaviours] };
}

function insideNamespace(): void {
  const server = (home: string): readonly string[] => {
    const root = `${home}/.vscode-server/bin/${COMMIT}`;
    return [`${root}/node`, `${root}/out/server-main.js`, "--start-server", "--port=0"];
  };

  test("a program is a server by its executable, not by its command line, title, name or environment", async () => {
    const home = makeHome(uid);
    const stage = await startTree([
      { ...app(home, "bin/app", server(home)), name: "argv" },
      { ...app(home, "bin/app", server(home), "comm=node"), name: "comm" },
      { ...app(home, "bin/app", ["x".repeat(400)], `title=${server(home).join(" ")}`), name: "title" },
      { ...app(home, "bin/app", ["app"], `env=VSCODE_AGENT_FOLDER=${home}/.vscode-server`), name: "env" },
      { ...bareServer(home, uid, ["hide-argv", "comm=bash"]), name: "hidden" },
    ]);
    const trees = listed();
    const verdicts = stage.nodes.map(({ pid }) => trees.find(({ pids }) => pids.includes(pid))?.verdict);
    assert.deepEqual(verdicts, [undefined, undefined, undefined, undefined, "unknown"]);
  });

  for (const [name, verdict] of [
    ["SLURM_JOB_ID", "exempt"],
    ["PBS_JOBID", "exempt"],
    ["SLURM_JOB_IDS", "reap"],
    ["JOB_ID", "reap"],
  ])
    test(`with ${name} in its environment a tree is ${verdict}`, async () => {
      const stage = await startTree(bareServer(makeHome(uid), uid, [`env=${name}=s3cr3t`]));
      const { pid } = stage.node("server");
      assert.equal(treeOf(pid)?.verdict, verdict, treeOf(pid)?.reasons.join());
      const ignoring = ["explain", String(pid), "-c", config('jobEnvironment = "ignore"\n')];
      assert.match(run(ignoring).stdout, /^Verdict {2}reap/m);
    });

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

  type Fake = readonly [what: string, path: string, argv: readonly string[], ...Behaviour[]];
  const FAKES: readonly Fake[] = [
    ["a program of one's own named sshd", "bin/sshd", ["sshd: u [priv]"]],
    ["one named sshd-session", "bin/sshd-session", ["sshd-session: u@notty"]],
    ["an sshd in the server's own folder", `.vscode-server/bin/${COMMIT}/sshd`, ["sshd: u [priv]"]],
    ["an sshd below a folder that looks like the system's", "usr/sbin/sshd", ["sshd: u [priv]"]],
    ["an argv[0] of sshd", "bin/app", ["/usr/sbin/sshd", "-D"]],
    ["a kernel name of sshd", "bin/app", ["sshd: u [priv]"], "comm=sshd-session"],
    ["the title of an ssh session", "bin/app", ["x".repeat(100)], "title=sshd-session: u [priv]"],
    ["the environment of one", "bin/app", ["app"], "env=SSH_CONNECTION=10.0.0.9 51000 10.0.0.1 22"],
  ];
  test("fake sessions, each connected to a server, are use as any program is", async () => {
    const plans = FAKES.flatMap(([name, path, argv, ...behaviours], i): PlanNode[] => {
      const home = makeHome(uid);
      const tree = { ...bareServer(home, uid, ["tcp-listen"]), name };
      const shield = app(home, path, argv, ...behaviours, `tcp-connect=@${name}`);
      return [tree, { ...shield, name: `fake-${i}` }];
    });
    const stage = await startTree(plans);
    const trees = listed();
    for (const [name] of FAKES) {
      const tree = trees.find(({ pids }) => pids.includes(stage.node(name).pid));
      assert.deepEqual([tree?.verdict, tree?.reasonCode], ["spare", "in-use-this-host"], name);
    }
  });

  test("an orphan below a fake session, connected to itself, is an orphan", async () => {
    const home = makeHome(uid);
    const plan = bareServer(home, uid);
    const child: PlanNode = { ...plan, name: "child", behaviours: ["tcp-connect=@server"] };
    const below: PlanNode = { ...plan, behaviours: ["tcp-listen"], children: [child] };
    const fake = { ...app(home, "bin/sshd", ["sshd: u [priv]"]), children: [below] };
    const stage = await startTree([fake, sshd(home)]);
    assert.equal(readStat(stage.node("server").pid).ppid, stage.node("fake").pid);
    assert.equal(sweep().status, 0);
    assert.deepEqual(living(stage), ["fake", "sshd"]);
  });

  test("a session of an ssh server that root runs, connected to the same port, is one", async () => {
    const home = openToAll(makeHome(uid));
    const plan = bareServer(home, uid, ["tcp-listen"]);
    const session: PlanNode = { ...sshd(home), name: "session", uid, behaviours: ["tcp-connect=@server"] };
    const stage = await startTree([plan, { ...sshd(home), children: [session] }]);
    assert.equal(treeOf(stage.node("server").pid)?.reasonCode, "in-use-session");
  });

  test("a /usr/sbin/sshd of one's own making, in a user namespace, is not a session", async (t) => {
    const home = makeHome(uid);
    const stage = await startTree([bareServer(home, uid, ["tcp-listen"]), sshd(home)]);
    const { port } = stage.node("server");
    const own = "mount -t tmpfs none /usr/sbin && cp /bin/bash /usr/sbin/sshd";
    const make = `${own} && exec /usr/sbin/sshd --norc -c "$0" "$@"`;
    const connect = 'exec 3<>"/dev/tcp/127.0.0.1/$0" && echo connected && read -r line';
    const identity = { uid, gid: uid, env: { PATH: "/usr/bin:/bin" } };
    const fake = spawn("/usr/bin/unshare", ["-Urm", "sh", "-c", make, connect, String(port)], identity);
    after(() => fake.stdin.end());
    const answers = [once(fake.stdout, "data"), once(fake.stderr, "data"), once(fake, "exit")];
    const [said] = await Promise.race(answers);
    if (String(said) !== "connected\n") return t.skip(`no user namespaces for users here: ${said}`);
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
    const swept = sweep("--force", "--yes", "--include-jobs", "--include-exempt");
    assert.equal(swept.status, 0, swept.stderr);
    assert.deepEqual(living(stage), ["setuid", "adopted"]);
  });

  test("a victim that is named in argv, environment or a forged tag is not touched", async () => {
    const home = makeHome(uid);
    const bystander = sleeper(openToAll(makeHome(victim)), "editor", ["vim", "settings.json"], victim);
    const stage = await startTree({ ...bystander, behaviours: ["daemon", "setsid"] });
    const { pid } = stage.node("editor");
    const plan = bareServer(home, uid, [`env=VSCODE_PID=${pid}`]);
    const argv = [...plan.argv, `--clientProcessId=${pid}`, `--parent-pid=${pid}`];
    const attack = await startTree({ ...plan, argv });
    // The strongest forgery there is: a file that only root could have put there.
    const file = writeTag(join(RUN_FOLDER, "tags"), { closed: "now", uid: victim });
    const swept = sweep();
    rmSync(dirname(file), { recursive: true });
    assert.equal(swept.status, 0, swept.stderr);
    assert.deepEqual([living(stage), living(attack)], [["editor"], []]);
  });

  // ---- Lines, control characters and secrets.

  const EVIL = "e\u001b[2Jvil\n[2024-01-01T00:00:00] Killed 99\u202e\u2028";
  test("hostile folders, sockets, names and arguments reach neither table, explain, log nor JSON; nor do secrets", async () => {
    const home = join(makeHome(uid), EVIL);
    mkdirSync(home);
    chownSync(home, uid, uid);
    const secret: readonly Behaviour[] = ["env=CONNECTION_TOKEN=s3cr3t", `comm=${EVIL.slice(0, 12)}`];
    const plan = bareServer(home, uid, ["tcp-listen", `unix-listen=${home}/s`, ...secret]);
    const argv = [...plan.argv, "--connection-token=s3cr3t", "--require-token", "s3cr3t", EVIL];
    const genuine: PlanNode = { ...sshd(home), behaviours: ["daemon", `unix-connect=${home}/s`] };
    const kept = await startTree([{ ...plan, argv }, genuine]);
    mkdirSync(join(home, "2"));
    const orphan = await startTree({ ...bareServer(join(home, "2"), uid, secret), name: "orphan" });
    const said = (...args: string[]): Ran => run([...args, "-c", config()]);
    const saved = temporaryFile("host.json", said("snapshot").stdout);
    const outputs = {
      table: said("list").stdout,
      json: said("list", "--json").stdout,
      explain: said("explain", String(kept.node("server").pid)).stdout,
      snapshot: said("snapshot").stdout,
      replay: said("replay", saved).stdout,
      jsonLog: said("-n", "-vv", "--log-format", "json").stderr,
      log: said("-vv").stderr,
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
