// Notices and exemptions, with real users and files.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { test } from "node:test";
import { config, run, succeeds } from "../helpers/program.ts";
import { living } from "../helpers/puppet.ts";
import { must, NOTICE, other, STATE, server, uid, usersSuite } from "../helpers/users-side.ts";

function noticing(): void {
  test("a reap leaves a notice that its user alone can read, as one file", async () => {
    const stage = await server();
    const site = config('[notice]\ntext = "Questions: hpc@example.org\\nhttps://hpc.example.org/x"\n');
    succeeds(["-n", "-c", site]);
    assert.ok(!existsSync(NOTICE), "a dry run ended nothing");
    succeeds(["-c", site]);
    assert.deepEqual(living(stage), []);
    const lines = must(["cat", NOTICE], { uid }).split("\n");
    assert.match(lines[0] ?? "", /^vscode-grim-reaper notices 1 [\w.-]+$/);
    assert.match(lines[1] ?? "", /^> \d{10}$/);
    // Its words: core/notify.
    assert.match(lines[2] ?? "", /^\| Your VS Code server on \S+ was stopped at .* \(limit 0s\)\.$/);
    assert.deepEqual(lines.slice(-3), ["= Questions: hpc@example.org", "= https://hpc.example.org/x", ""]);
    assert.notEqual(spawnSync("cat", [NOTICE], { uid: other, gid: other }).status, 0);
    assert.notEqual(spawnSync("sh", ["-c", `echo x >${NOTICE}`], { uid, gid: uid }).status, 0);
    assert.notEqual(spawnSync("ls", [`${STATE}/notices`], { uid, gid: uid }).status, 0);
    assert.equal(statSync(NOTICE).uid, 0);
    assert.deepEqual(readdirSync(`${STATE}/notices`), [String(uid)]);

    await server();
    succeeds(["-c", config()]);
    const ids = readFileSync(NOTICE, "utf8").match(/(?<=^> )\d+$/gm) ?? [];
    assert.deepEqual([ids.length, ids], [2, [...new Set(ids)].sort()]);

    const old = Date.now() / 1000 - 15 * 86_400;
    utimesSync(NOTICE, old, old);
    succeeds(["-c", config()]);
    assert.ok(!existsSync(NOTICE), "no login has shown it");
  });

  test("turned off, nothing is written and what waited is gone", async () => {
    await server();
    succeeds(["-c", config()]);
    assert.ok(existsSync(NOTICE));
    await server();
    succeeds(["-c", config("[notice]\nenabled = false\n")]);
    assert.ok(!existsSync(NOTICE));
  });

  test("a file system without ACLs is a clear fault, and the sweep has ended what it had to", async () => {
    mkdirSync(`${STATE}/notices`, { recursive: true, mode: 0o711 });
    // ramfs keeps no extended attributes.
    must(["mount", "-t", "ramfs", "-o", "mode=0711", "ramfs", `${STATE}/notices`]);
    try {
      const stage = await server();
      const swept = run(["-c", config()]);
      assert.equal(swept.status, 1);
      assert.match(swept.stderr, /does not support ACLs; use one that does, or set enabled = false/);
      assert.deepEqual(living(stage), []);
      assert.deepEqual(readdirSync(`${STATE}/notices`), []);
    } finally {
      must(["umount", `${STATE}/notices`]);
    }
  });
}

usersSuite(import.meta.url, "notices", noticing);
