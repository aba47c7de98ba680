// Whole sweeps over real process trees, by the built program, as root in a pid namespace of their own.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { bareServer, execServerTree, legacy, sleeper } from "../helpers/ide-trees.ts";
import { config, run, succeeds, temporaryFile } from "../helpers/program.ts";
import { living, type PlanNode, startTree } from "../helpers/puppet.ts";
import { eventually, makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

insidePidNamespace(import.meta.url, "whole sweeps", insideNamespace);

const uid = USER;

function insideNamespace(): void {
  test("a legacy and an exec-server tree end, the editor and the copy beside them do not", async () => {
    const home = makeHome(uid);
    const server = `${home}/.vscode-server`;
    const stage = await startTree([
      legacy(home, { uid }),
      execServerTree(home, `${home}/code.sock`, { uid, prefix: "exec-" }),
      sleeper(home, "vim", ["vim", "-n", `${server}/data/Machine/settings.json`], uid),
      sleeper(home, "tar", ["tar", "-czf", "x.tgz", server], uid),
    ]);
    const log = temporaryFile("reaper.log", "");
    const dry = succeeds(["sweep", "-n", "-v", "-c", config()]);
    assert.equal(dry.stderr.match(/Would kill 7 process\(es\) under pid \d+ \(uid 64001\)/g)?.length, 2);
    assert.equal(living(stage).length, stage.nodes.length, "a dry run ended something");
    const swept = succeeds(["sweep", "--force", "--yes", "-v", "-c", config(), "-l", log]);
    assert.equal(swept.stderr, "");
    assert.deepEqual(living(stage), ["vim", "tar"]);
    // The lines' form: core/text/safe-text.
    const lines = readFileSync(log, "utf8").trimEnd().split("\n");
    assert.equal(lines.length, 16);
    const launcher = stage.node("launcher");
    const first = lines.findIndex((line) => line.includes(`under pid ${launcher.pid} `));
    const command = `sh ${home}/.vscode-server/bin/`.padEnd(32).slice(0, 32);
    assert.equal(lines[first + 1]?.slice(22), `${String(launcher.pid).padStart(8)}        1    ${command}`);
  });

  test("what ignores SIGTERM, is stopped, left its session or lost its first thread ends without force", async () => {
    const home = makeHome(uid);
    const { exe } = bareServer(home, uid);
    const children = (["setsid", "stop", "zombie-leader"] as const).map((name): PlanNode => {
      return { name, uid, exe, argv: [exe, name], behaviours: ["ignore-term", name] };
    });
    const stage = await startTree([
      legacy(makeHome(uid), { uid, behaviours: ["ignore-term"] }),
      { ...bareServer(makeHome(uid), uid, ["stop"]), name: "stopped" },
      { ...bareServer(home, uid, [], children), name: "above" },
    ]);
    const swept = succeeds(["-v", "-c", config()]);
    for (const count of [7, 1, 4])
      assert.ok(swept.stderr.includes(`Killed ${count} process(es)`), swept.stderr);
    assert.deepEqual(living(stage), []);
  });

  test("one that folds on SIGTERM ends before the wait is over", async () => {
    const stage = await startTree(bareServer(makeHome(uid), uid));
    const patient = temporaryFile("config.toml", 'settle = "0s"\ngrace = "0"\ntermWait = "5m"\n');
    // `run` fails when it takes longer.
    succeeds(["-c", patient]);
    assert.deepEqual(living(stage), []);
  });

  test("what a tree forks while it dies is ended with it", async () => {
    const home = makeHome(uid);
    const stage = await startTree(bareServer(home, uid, ["setsid", "fork-on-term=3"]));
    const swept = succeeds(["-c", config()]);
    assert.match(swept.stderr, /Killed 4 process\(es\)/);
    await eventually(() => stage.forks.length === 3, "three copies");
    for (const pid of stage.forks) assert.ok(!existsSync(`/proc/${pid}`), `${pid} lives`);
  });

  test("-u and --pid choose the trees", async () => {
    const home = makeHome(uid);
    const stage = await startTree(bareServer(home, uid));
    succeeds(["--force", "-u", String(uid + 5), "-c", config()]);
    assert.deepEqual(living(stage), ["server"]);
    assert.equal(run(["--force", "--pid", String(stage.pid), "-c", config()]).status, 1);
    assert.deepEqual(living(stage), ["server"]);
    succeeds(["--force", "--pid", String(stage.node("server").pid), "-c", config()]);
    assert.deepEqual(living(stage), []);
  });

  test("a saved snapshot is judged again to the same verdict", async () => {
    const stage = await startTree(legacy(makeHome(uid), { uid }));
    const saved = temporaryFile("host.json", run(["snapshot", "-c", config()]).stdout);
    const now = JSON.parse(run(["list", "--json", "-c", config()]).stdout);
    const then = JSON.parse(run(["replay", saved, "--json", "-c", config()]).stdout);
    const gist = (doc: typeof now): unknown => doc.trees.map((t: typeof now) => [t.root, t.verdict, t.pids]);
    assert.deepEqual(gist(then), gist(now));
    assert.equal(then.trees[0].pids.length, stage.nodes.length);
  });
}
