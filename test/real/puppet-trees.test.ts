// The trees of ide-trees.ts come up as real servers do: below a real sh launcher, beside real programs.
import assert from "node:assert/strict";
import { readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as trees from "../helpers/ide-trees.ts";

describe("as the caller", () => suite({}));
describe("as an ordinary user", { skip: isRoot ? false : "the caller is one already" }, () =>
  suite({ uid: USER }),
);

function suite(options: StageOptions): void {
  const start = (plan: PlanNode | readonly PlanNode[]): Promise<Stage> => startTree(plan, options);

  test("a legacy tree stands below a real sh launcher", async () => {
    const home = makeHome(options.uid);
    const plan = trees.legacy(home, trees.COMMIT, {
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      extensionHosts: 2,
      ptyShells: 1,
      behaviours: { server: ["tcp-listen"], helper: ["ignore-term"] },
    });
    const stage = await start(plan);
    const parent = (name: string) => readStat(stage.node(name).pid).ppid;
    const root = join(home, ".vscode-server", "bin", trees.COMMIT);
    assert.equal(stage.nodes.length, 9);
    assert.notEqual(parent("launcher"), stage.pid);
    assert.equal(parent("server"), stage.node("launcher").pid);
    assert.equal(parent("extensionHost1"), stage.node("server").pid);
    assert.equal(parent("helper1.0"), stage.node("extensionHost1").pid);
    assert.equal(parent("shell0"), stage.node("ptyHost").pid);
    assert.deepEqual(argvOf(stage.node("launcher").pid).slice(0, 3), [
      "sh",
      join(root, "bin/code-server"),
      "--start-server",
    ]);
    assert.equal(argvOf(stage.node("server").pid)[1], join(root, "out/server-main.js"));
    assert.equal(
      argvOf(stage.node("helper0.0").pid).at(-1),
      `--clientProcessId=${stage.node("extensionHost0").pid}`,
    );
    assert.equal(readlinkSync(`/proc/${stage.node("extensionHost0").pid}/exe`), join(root, "node"));
    assert.equal(readlinkSync(`/proc/${stage.node("shell0").pid}/exe`), realpathSync("/bin/bash"));
    await stage.end();
    assert.ok(!stage.nodes.some(isAlive));
  });

  test("exec-server mode: two hops of sockets; editors, tar and tmux stand beside it", async () => {
    const home = makeHome(options.uid);
    const { uid } = options;
    const owned = uid === undefined ? {} : { uid };
    const plan = [
      ...trees.execServer(home, trees.COMMIT, join(home, "code.sock"), owned),
      trees.vimOnSettings(home, uid),
      trees.tarOnServer(home, uid),
      trees.tmuxServer(home, [trees.sleeper(home, "train", ["train", "--epochs", "9"], uid)], uid),
      {
        name: "sleep",
        uid,
        exe: "/bin/sleep",
        argv: ["sleep", "180"],
        behaviours: ["foreign"],
      } satisfies PlanNode,
    ];
    const stage = await start(plan);
    const cli = stage.node("cli");
    assert.ok((cli.port ?? 0) > 0);
    assert.deepEqual(argvOf(cli.pid).slice(1, 2), ["command-shell"]);
    assert.equal(argvOf(cli.pid)[5], String(stage.pid));
    assert.equal(readStat(stage.node("train").pid).ppid, stage.node("tmux").pid);
    await eventually(() => readStat(stage.node("tmux").pid).comm === "tmux: server", "tmux names itself");
    assert.ok(isAlive(stage.node("vim")) && isAlive(stage.node("sleep")));
    await stage.end();
    assert.ok(!stage.nodes.some(isAlive));
  });

  test("a launcher script that starts something else is refused", async () => {
    const home = makeHome(options.uid);
    const plan = trees.legacy(home, trees.COMMIT, options.uid === undefined ? {} : { uid: options.uid });
    const [server] = plan.children ?? [];
    assert.ok(server !== undefined);
    const wrong = { ...plan, children: [{ ...server, argv: [...server.argv, "--extra"] }] };
    await assert.rejects(start(wrong), /something else than the plan says/);
  });
}

import { argvOf } from "../helpers/proc-read.ts";
import {
  isAlive,
  type PlanNode,
  readStat,
  type Stage,
  type StageOptions,
  startTree,
} from "../helpers/puppet.ts";
import { eventually, isRoot, makeHome, USER } from "../helpers/real.ts";
