// Coding agents' daemons in the layouts of Codex and Claude, over real processes: an idle one ends by the second sweep,
// a busy one stays, a person's own agent is nothing to a sweep. By the built program, in a pid namespace of its own.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { installPuppet } from "../helpers/install.ts";
import { run, temporaryFile } from "../helpers/program.ts";
import { living, type PlanNode, startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

insidePidNamespace(import.meta.url, "agents' daemons", insideNamespace);

const uid = USER;
const MODULES = ".nvm/versions/node/v24.13.0/lib/node_modules/@openai/codex";

interface Program {
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly children?: readonly PlanNode[];
}

/** A puppet at a path below the home, left behind by its session. */
function leftBehind(home: string, { name, path, args, children = [] }: Program): PlanNode {
  const exe = join(home, path);
  installPuppet(home, exe, uid);
  return { name, uid, exe, argv: [exe, ...args], behaviours: ["daemon"], children };
}

const codex = (home: string, name: string, children: readonly PlanNode[] = []): PlanNode =>
  leftBehind(home, {
    name,
    path: `${MODULES}/vendor/x86_64-unknown-linux-musl/bin/codex`,
    args: ["-c", "features.code_mode_host=true", "app-server", "--listen", "unix://"],
    children,
  });

const claude = (home: string): PlanNode =>
  leftBehind(home, {
    name: "claude",
    path: ".claude/remote/srv/5db5e4a12f88487e47c2c48259b69a2d630bb3f7/server",
    args: ["--serve", "--socket", join(home, ".claude/remote/run/ab/rpc.sock")],
  });

/** A command of an agent that uses a core. */
const work: PlanNode = {
  name: "work",
  uid,
  exe: "/bin/sh",
  argv: ["sh", "-c", "while :; do :; done"],
  behaviours: ["foreign"],
};

const config = (agents: string): string =>
  temporaryFile("config.toml", `settle = "0s"\ntermWait = "1s"\n[agents]\n${agents}\n`);

interface Listed {
  readonly product: string;
  readonly verdict: string;
  readonly pids: readonly number[];
  readonly reasons: readonly string[];
}

function list(file: string): Listed[] {
  const { stdout, stderr, status } = run(["list", "--json", "-c", file]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout).trees;
}

function insideNamespace(): void {
  test("idle daemons end by the second sweep, a busy one stays, a person's own agent is not one", async () => {
    const home = makeHome(uid);
    const own = { name: "own", path: `${MODULES}/vendor/aarch64/bin/codex`, args: ["exec", "long task"] };
    const stage = await startTree([
      codex(home, "idle"),
      claude(home),
      codex(home, "busy", [work]),
      leftBehind(home, own),
    ]);
    const file = config('grace = "1s"');
    // A sweep does not look at users all of whose trees are younger than the grace.
    await sleep(1100);
    const first = run(["-v", "-c", file]);
    assert.equal(first.status, 0, first.stderr);
    assert.doesNotMatch(first.stderr, /Killed/);
    assert.deepEqual(
      list(file)
        .map(({ product }) => product)
        .sort(),
      ["claude-remote", "codex", "codex"],
    );
    await sleep(1500);
    const busy = list(file).find(({ pids }) => pids.includes(stage.node("busy").pid));
    assert.equal(busy?.verdict, "spare");
    assert.match(busy?.reasons.join() ?? "", /^busy: it runs \w+ \d+$/);
    const second = run(["-v", "-c", file]);
    assert.equal(second.status, 0, second.stderr);
    assert.deepEqual(living(stage).sort(), ["busy", "own", "work"]);
    await stage.end();
  });
}
