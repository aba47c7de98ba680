/** A user who exceeds a budget, and one whose process hides what others' verdicts need, in real sweeps. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from "node:fs";
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
  test("a user who exceeds a budget is named, the status says so, others' orphans end, and the sweep counts as good", async () => {
    const stage = await startTree(legacy(makeHome(USER), { uid: USER }));
    // Bounded: 600 processes with 64 KiB of arguments each, ended with this test's namespace.
    // At a server's place, or no sweep would read what it says.
    const node = `${makeHome(USER + 1)}/.vscode-server/bin/${COMMIT}/node`;
    mkdirSync(dirname(node), { recursive: true });
    copyFileSync(attackBinary("load"), node);
    chmodSync(node, 0o755);
    const attacker = spawn(node, ["argv", "600", "65536"], {
      uid: USER + 1,
      gid: USER + 1,
      stdio: ["pipe", "pipe", "inherit"],
      cwd: "/",
    });
    await once(attacker.stdout, "data");
    const swept = run(["-v", "-c", config()]);
    attacker.stdin.end();
    await once(attacker, "exit");
    assert.match(swept.stderr, new RegExp(`cannot read command lines of uid ${USER + 1}: they exceed 8 MiB`));
    assert.match(swept.stderr, new RegExp(`Killed 7 process\\(es\\) under pid \\d+ \\(uid ${USER}\\)`));
    assert.deepEqual(living(stage), []);
    assert.equal(swept.status, 1, swept.stderr);
    const last = JSON.parse(readFileSync("/var/lib/vscode-grim-reaper/last-sweep.json", "utf8"));
    assert.equal(last.lastGood, last.at);
  });
}
