// What a look at real processes below a real session asks the addon for, and what the built program says of it.
import assert from "node:assert/strict";
import { test } from "node:test";

const sandbox = inPidNamespace(import.meta.url);
if (sandbox.inside) insideNamespace();
else
  test("staged looks inside a pid namespace", { skip: sandbox.skip }, async (t) => {
    const { passed } = await sandbox.run();
    t.diagnostic(`${passed} tests passed inside`);
  });

function insideNamespace(): void {
  freshState();

  test("of a tree below a session the root's command line is read, and no environment and no descriptor", async () => {
    const { stage } = await start();
    const [launcher, session, shell] = [stage.node("launcher"), stage.node("session"), stage.node("shell0")];
    const { native, asked } = recording(loadNative());
    const seen = await observe(native, { ...LOOK, staged: true });
    assert.deepEqual(seen.atWork, [USER]);
    const members = stage.nodes.filter(({ name }) => name !== undefined && name !== "session");
    const below = seen.processes.filter(({ pid }) => members.some((member) => member.pid === pid));
    assert.equal(below.length, members.length);
    for (const { pid, argv, partial, cgroups } of below) {
      const isRoot = pid === launcher.pid;
      assert.equal(argv.length > 0, isRoot, `the command line of ${pid}`);
      assert.deepEqual([partial, cgroups === null], isRoot ? [undefined, false] : [true, true]);
      assert.ok(!asked.sockets.has(pid) && !asked.environments.has(pid), `${pid} was asked`);
    }
    assert.ok(asked.sockets.has(session.pid));
    const [judged] = judge(seen, contextFor(DEFAULT_POLICY, "2026-11-23"));
    assert.deepEqual([judged?.verdict, judged?.reasonCode], ["spare", "in-use-session"]);
    assert.ok(judged?.tree.members.some(({ pid }) => pid === shell.pid));
    assert.equal(judged?.tree.members.length, members.length);

    const whole = await observe(native, LOOK);
    assert.equal(whole.atWork, undefined);
    assert.ok(asked.environments.has(launcher.pid) && asked.sockets.has(shell.pid));
  });

  test("another tree of the user that is below no session: all of theirs is read", async () => {
    const { stage } = await start([{ ...bareServer(makeHome(USER), USER), name: "orphan" }]);
    const { native, asked } = recording(loadNative());
    const seen = await observe(native, { ...LOOK, staged: true });
    assert.equal(seen.atWork, undefined);
    assert.ok(seen.processes.every(({ partial }) => partial === undefined));
    assert.ok(asked.environments.has(stage.node("launcher").pid));
    const verdicts = judge(seen, contextFor(ONE_LOOK, "2026-11-23")).map(({ verdict }) => verdict);
    assert.deepEqual(verdicts.sort(), ["spare", "wait"]);
  });

  test("list says what it did not need; list -v, --json, explain and snapshot read it", async () => {
    const { stage } = await start();
    const note = /^Not needed and not read for the trees of 1 user below ssh sessions/m;
    const list = run(["list"]);
    assert.match(list.stdout, note);
    assert.match(list.stdout, /spare .* 7 .*in use: /);
    assert.doesNotMatch(run(["list", "-v"]).stdout, note);
    const [tree] = JSON.parse(run(["list", "--json"]).stdout).trees;
    assert.deepEqual(
      tree.evidence.map(({ value }: { value: string }) => value),
      ["yes", "no"],
    );
    assert.match(run(["explain", String(stage.node("server").pid)]).stdout, /no established connection/);
    const { processes } = JSON.parse(run(["snapshot"]).stdout);
    assert.ok(processes.every(({ partial }: { partial?: boolean }) => partial === undefined));
    const swept = run(["sweep", "-n", "-vv"]);
    assert.match(swept.stderr, /spare: tree \d+ \(uid \d+, vscode, 7 processes\): in use: /);
  });
}

/** Root's ssh server with a session, a server of seven processes below it, and more trees. */
async function start(others: readonly PlanNode[] = []) {
  const home = makeHome(USER);
  const exe = puppetNamed(home, "sshd");
  const tree = legacy(home, COMMIT, { uid: USER, daemon: false });
  const user: PlanNode = { name: "session", uid: USER, exe, argv: ["sshd: u@notty"], children: [tree] };
  const monitor: PlanNode = { uid: 0, exe, argv: ["sshd: u [priv]"], children: [user] };
  return { stage: await startTree([monitor, ...others]) };
}

const LOOK = {
  catalogue: DEFAULT_POLICY.catalogue,
  uids: null,
  full: false,
  sockets: true,
  runFolder: "/run/vscode-grim-reaper",
  procRoot: "/proc",
} as const;

/** The real addon, with the processes whose sockets and environments it is asked for. */
function recording(real: Native): { native: Native; asked: Record<"sockets" | "environments", Set<number>> } {
  const asked = { sockets: new Set<number>(), environments: new Set<number>() };
  const connections: Native["connections"] = (pids, ...more) => {
    for (const pid of pids) asked.sockets.add(pid);
    return real.connections(pids, ...more);
  };
  const environNames: Native["environNames"] = (options) => {
    for (const { pid } of options.processes) asked.environments.add(pid);
    return real.environNames(options);
  };
  return { native: { ...real, connections, environNames }, asked };
}

import { contextFor, judge } from "../../src/core/verdict/judge.ts";
import { loadNative, type Native } from "../../src/shell/host/native.ts";
import { observe } from "../../src/shell/observe.ts";
import { bareServer, COMMIT, legacy, puppetNamed } from "../helpers/ide-trees.ts";
import { DEFAULT_POLICY, ONE_LOOK } from "../helpers/policy.ts";
import { run } from "../helpers/program.ts";
import { type PlanNode, startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { freshState, inPidNamespace } from "../helpers/sandbox.ts";
