// What a staged look at real processes asks the addon for, and what the built program says and leaves out.

import assert from "node:assert/strict";
import { chmodSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadNative, type Native } from "../../src/shell/host/native.ts";
import { observe } from "../../src/shell/observe.ts";
import { bareServer, legacy, puppetNamed } from "../helpers/ide-trees.ts";
import { sleepAt } from "../helpers/install.ts";
import { DEFAULT_POLICY } from "../helpers/policy.ts";
import { pidsWhere } from "../helpers/proc-read.ts";
import { config, run, succeeds } from "../helpers/program.ts";
import { isAlive, type PlanNode, startTree } from "../helpers/puppet.ts";
import { eventually, makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

insidePidNamespace(import.meta.url, "staged looks", insideNamespace);

function insideNamespace(): void {
  test("of a user whose tree is below a session no process of the tree is read, and no environment", async () => {
    const home = makeHome(USER);
    const stage = await startTree(sessionOf(home, [legacy(home, { uid: USER, daemon: false })]));
    const { native, asked } = recording(loadNative());
    const { observation, trees } = await observe({
      ...LOOK,
      native,
      reach: "staged",
      policy: { ...DEFAULT_POLICY, grace: 0 },
    });
    assert.deepEqual(observation.skipped, [USER]);
    assert.deepEqual(trees, []);
    const session = stage.node("session").pid;
    assert.equal(asked.size, 0);
    assert.ok(observation.processes.some(({ pid }) => pid === session));
    for (const { pid, name } of stage.nodes.filter(({ name }) => name !== undefined && name !== "session")) {
      assert.ok(!observation.processes.some((process) => process.pid === pid), `${name} was read`);
      assert.ok(!asked.has(pid), `${name} was asked`);
    }
    const whole = await observe({ ...LOOK, native });
    assert.equal(whole.observation.skipped, undefined);
    assert.equal(whole.trees.length, 1);
    assert.ok(asked.has(stage.node("launcher").pid));
    const launcher = whole.observation.processes.find(({ pid }) => pid === stage.node("launcher").pid);
    assert.deepEqual(launcher?.jobVariables, []);
  });

  test("a program of a user at work in an orphan's terminal keeps the orphan; without the program it ends", async () => {
    const [home, theirs] = [makeHome(USER), makeHome(USER + 1)];
    const program = sleepAt(join(theirs, "bin", "prog"), USER + 1, 0o4755);
    chmodSync(theirs, 0o755);
    const argv = ["script", "-qfc", `${program} 1000`, "/dev/null"];
    const terminal: PlanNode = { uid: USER, exe: "/usr/bin/script", argv, behaviours: ["foreign"] };
    const stage = await startTree([
      { ...bareServer(home, USER, ["daemon"], [terminal]), name: "orphan" },
      sessionOf(theirs, [{ ...bareServer(theirs, USER + 1), name: "used", behaviours: [] }], USER + 1),
    ]);
    await eventually(() => pidOf(program) !== undefined, "the program runs");
    const inTerminal = new RegExp(`has a program of uid ${USER + 1} in its terminal`);
    assert.match(run(["sweep", "-n", "-vv", "-c", config()]).stderr, inTerminal);
    const swept = succeeds(["sweep", "-v", "-c", config()]);
    assert.match(swept.stderr, inTerminal);
    assert.doesNotMatch(swept.stderr, /Killed/);
    assert.ok(isAlive(stage.node("orphan")) && pidOf(program));
    process.kill(Number(pidOf(program)), "SIGKILL");
    await eventually(() => pidOf(program) === undefined, "the program has ended");
    succeeds(["sweep", "-v", "-c", config()]);
    assert.ok(!isAlive(stage.node("orphan")) && isAlive(stage.node("used")));
  });

  test("a tree that a tree of another user's is connected to is judged with all in sight", async () => {
    const theirs = bareServer(makeHome(USER + 1), USER + 1, ["tcp-listen"]);
    const home = makeHome(USER);
    const mine: PlanNode = { ...bareServer(home, USER), name: "mine", behaviours: ["tcp-connect=@target"] };
    const stage = await startTree([{ ...theirs, name: "target" }, sessionOf(home, [mine])]);
    const target = stage.node("target");
    const explained = run(["explain", String(target.pid), "-c", config()]).stdout;
    assert.match(explained, /a process of uid 64001 is connected/);
    succeeds(["sweep", "-v", "-c", config()]);
    succeeds(["sweep", "-v", "-u", String(USER + 1), "-c", config()]);
    assert.ok(isAlive(target));
    process.kill(stage.node("mine").pid, "SIGKILL");
    await eventually(() => !isAlive(stage.node("mine")), "the client has ended");
    succeeds(["sweep", "-v", "-c", config()]);
    assert.ok(!isAlive(target));
  });
}

/** Root's ssh server with a session of the user's and these processes below it. */
function sessionOf(home: string, children: readonly PlanNode[], uid = USER): PlanNode {
  const exe = puppetNamed(home, "sshd");
  const user: PlanNode = { name: "session", uid, exe, argv: ["sshd: u@notty"], children };
  return { uid: 0, exe, argv: ["sshd: u [priv]"], children: [user] };
}

/** The process that runs an executable. */
const pidOf = (exe: string): number | undefined =>
  pidsWhere((pid) => readlinkSync(`/proc/${pid}/exe`) === exe)[0];

const LOOK = {
  policy: DEFAULT_POLICY,
  uids: null,
  reach: "suspects",
  runFolder: "/run/vscode-grim-reaper",
} as const;

/** The real addon, with the processes whose sockets it is asked for. */
function recording(real: Native): { native: Native; asked: Set<number> } {
  const asked = new Set<number>();
  const connections: Native["connections"] = (pids, ...more) => {
    for (const pid of pids) asked.add(pid);
    return real.connections(pids, ...more);
  };
  return { native: { ...real, connections }, asked };
}
