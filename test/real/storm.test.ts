// Trees that fork faster than they are looked at, once they get SIGTERM. Storms of living processes end whole; of a relay,
// each process of which forks the next and exits, the rounds end what they see. Never a bystander, and nothing stays stopped.

import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { bareServer, COMMIT, sleeper } from "../helpers/ide-trees.ts";
import { config, run } from "../helpers/program.ts";
import { type Behaviour, living, type PlanNode, startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

/** A user of this file's own: what other files run at the same time would count towards the limit below. */
const uid = USER + 200;
const STORMS: Readonly<Record<string, string>> = {
  "a fork bomb": "g() { while :; do g & sleep 0.02; done; }; trap g TERM",
  "a loop that starts programs": "trap 'while :; do sleep 0.01 & done' TERM",
};

const BYSTANDERS = ["shell", "other", "tmux"];

insidePidNamespace(import.meta.url, "trees that fork faster than they are looked at", insideNamespace);

/** A shell of the user's, another user's process and a tmux server, adopted as what is left of the tree is. */
function bystanders(): PlanNode[] {
  const home = makeHome();
  chmodSync(home, 0o755);
  const beside = (node: PlanNode, ...more: Behaviour[]): PlanNode => ({
    ...node,
    behaviours: ["daemon", "setsid", ...more],
  });
  return [
    beside(sleeper(home, "shell", ["-bash"], uid)),
    beside(sleeper(home, "other", ["-bash"], uid + 1)),
    beside(sleeper(home, "tmux", ["tmux"], uid), "comm=tmux: server"),
  ];
}

/** A server that is a shell, of a user who may have 200 processes. */
function shellServer(home: string, onTerm: string): PlanNode {
  const exe = join(home, ".vscode-server/bin", COMMIT, "node");
  const script = join(dirname(exe), "out/server-main.js");
  mkdirSync(dirname(script), { recursive: true });
  copyFileSync("/bin/bash", exe);
  writeFileSync(script, `ulimit -u 200\n${onTerm}\nwhile :; do sleep 0.1; done\n`);
  chmodSync(home, 0o755);
  return { uid, exe, argv: [exe, script], behaviours: ["foreign", "daemon", "setsid"] };
}

/** States of the user's living processes. */
function statesOfUser(): string[] {
  const stateOfUsers = new RegExp(`^State:\\t(\\w)[^]*^Uid:\\t${uid}\\t`, "m");
  const states = readdirSync("/proc").flatMap((pid) => {
    try {
      return stateOfUsers.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? [];
    } catch {
      return [];
    }
  });
  return states.filter((state) => state !== "Z");
}

function insideNamespace(): void {
  for (const [what, onTerm] of Object.entries(STORMS))
    test(`${what} ends whole`, async () => {
      const stage = await startTree([shellServer(makeHome(), onTerm), ...bystanders()]);
      const swept = run(["-c", config()]);
      assert.equal(swept.status, 0, swept.stderr);
      const killed = /Killed (\d+) process\(es\) under pid/.exec(swept.stderr)?.[1];
      assert.ok(Number(killed) > 2, `no storm: ${swept.stderr}`);
      assert.deepEqual(living(stage), BYSTANDERS);
      assert.deepEqual(statesOfUser(), ["S", "S"]);
    });

  test("a relay in which no process lives as long as a look takes ends no bystander", async () => {
    const stage = await startTree([
      bareServer(makeHome(uid), uid, ["setsid", "fork-chain"]),
      ...bystanders(),
    ]);
    const swept = run(["-c", config()]);
    assert.deepEqual(living(stage), BYSTANDERS);
    assert.ok(!statesOfUser().includes("T"));
    // What the last look saw of it is named, and fails the sweep.
    assert.equal(swept.status, /Failed to kill/.test(swept.stderr) ? 1 : 0, swept.stderr);
  });
}
