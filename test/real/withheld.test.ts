/** A user who exceeds a budget, and one whose process hides what others' verdicts need, in real sweeps. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { attackBinary } from "../helpers/attacks.ts";
import { COMMIT, legacy } from "../helpers/ide-trees.ts";
import { config, run } from "../helpers/program.ts";
import { living, startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

insidePidNamespace(import.meta.url, "budgets", insideNamespace);

function insideNamespace(): void {
  for (const [mode, range] of [
    ["argv", null],
    ["subordinate", "1 700000 600"],
  ] as const)
    test(`a user who exceeds a budget (${mode}) is named, the status says so, others' orphans end, and the sweep counts as good`, () =>
      exceeds(mode, range));

  test("exits that a tracer holds are waited for once, and delay nobody's end", async () => {
    const orphan = () => startTree(legacy(makeHome(USER), { uid: USER }));
    const sweep = () => run(["-v", "-c", config()]);
    const failed = new RegExp(`Failed to kill 1 process\\(es\\) under pid \\d+ \\(uid ${USER + 1}\\)`, "g");
    const first = await startAttacker(["held", "20", "0"]);
    const one = sweep();
    assert.deepEqual([one.status, one.stderr.match(failed)?.length], [1, 20], one.stderr);
    const stage = await orphan();
    const second = await startAttacker(["held", "20", "0"]);
    const two = sweep();
    assert.deepEqual(living(stage), []);
    assert.equal(two.status, 1, "twenty more");
    const alone = new RegExp(
      `uid ${USER + 1} has \\d+ processes in 40 trees, some that nothing ended before: `,
    );
    const [killed, named] = [two.stderr.indexOf("Killed 7 process"), two.stderr.search(alone)];
    assert.ok(killed >= 0 && named > killed, two.stderr);
    assert.equal(sweep().status, 0, "all of them are known");
    for (const attacker of [first, second]) {
      attacker.stdin.end();
      await once(attacker, "exit");
    }
  });
}

/** Starts the attackers' program at a server's place, or no sweep would read what it says; it has said something then. */
async function startAttacker(args: readonly string[], said: (text: string) => void = () => {}) {
  const node = `${makeHome(USER + 1)}/.vscode-server/bin/${COMMIT}/node`;
  mkdirSync(dirname(node), { recursive: true });
  copyFileSync(attackBinary("load"), node);
  chmodSync(node, 0o755);
  const identity = { uid: USER + 1, gid: USER + 1 };
  const attacker = spawn(node, args, { ...identity, stdio: ["pipe", "pipe", "inherit"], cwd: "/" });
  const [text] = await once(attacker.stdout, "data");
  said(String(text));
  return attacker;
}

/** `range`: uids that are the attacker's by the kernel alone, with one process each. */
async function exceeds(mode: string, range: string | null): Promise<void> {
  const stage = await startTree(legacy(makeHome(USER), { uid: USER }));
  // Bounded: 600 processes with 64 KiB of arguments each, ended with this test's namespace.
  let said = "";
  const attacker = await startAttacker([mode, "600", "65536"], (text) => {
    said = text;
  });
  if (range !== null) {
    writeFileSync(`/proc/${/\d+/.exec(said)}/uid_map`, `0 ${USER + 1} 1\n${range}\n`);
    attacker.stdin.write("\n");
    await once(attacker.stdout, "data");
  }
  const swept = run(["-v", "-c", config()]);
  attacker.stdin.end();
  await once(attacker, "exit");
  assert.match(swept.stderr, new RegExp(`cannot read command lines of uid ${USER + 1}: they exceed 8 MiB`));
  assert.match(swept.stderr, new RegExp(`Killed 7 process\\(es\\) under pid \\d+ \\(uid ${USER}\\)`));
  assert.deepEqual(living(stage), []);
  assert.equal(swept.status, 1, swept.stderr);
  const last = JSON.parse(readFileSync("/var/lib/vscode-grim-reaper/last-sweep.json", "utf8"));
  assert.equal(last.lastGood, last.at);
}
