// Notices and exemptions, with real users and files.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { test } from "node:test";
import { config, run } from "../helpers/program.ts";
import { living } from "../helpers/puppet.ts";
import { must, NOTICE, other, STATE, server, uid, usersSuite } from "../helpers/users-side.ts";

function noticing(): void {
  test("a reap leaves a notice that its user alone can read, as one file", async () => {
    const stage = await server();
    const site = config('[notice]\ntext = "Questions: hpc@example.org\\nhttps://hpc.example.org/x"\n');
    assert.equal(run(["-n", "-c", site]).status, 0);
    assert.ok(!existsSync(NOTICE), "a dry run ended nothing");
    const swept = run(["-c", site]);
    assert.equal(swept.status, 0, swept.stderr);
    assert.deepEqual(living(stage), []);
    const lines = must(["cat", NOTICE], { uid }).split("\n");
    assert.match(lines[0] ?? "", /^vscode-grim-reaper notices 1 [\w.-]+$/);
    assert.match(lines[1] ?? "", /^> \d{10}$/);
    assert.match(
      lines[2] ?? "",
      /^\| Your VS Code server on \S+ was stopped at .*: it had been unused for \S+ \(limit 0s\)\.$/,
    );
    assert.match(lines[3] ?? "", /^\| {3}Saved files are safe\.$/);
    assert.deepEqual(lines.slice(-3), ["= Questions: hpc@example.org", "= https://hpc.example.org/x", ""]);
    assert.notEqual(spawnSync("cat", [NOTICE], { uid: other, gid: other }).status, 0);
    assert.notEqual(spawnSync("sh", ["-c", `echo x >${NOTICE}`], { uid, gid: uid }).status, 0);
    assert.notEqual(spawnSync("ls", [`${STATE}/notices`], { uid, gid: uid }).status, 0);
    assert.equal(statSync(NOTICE).uid, 0);
    assert.deepEqual(readdirSync(`${STATE}/notices`), [String(uid)]);

    await server();
    assert.equal(run(["-c", config()]).status, 0);
    assert.equal(readFileSync(NOTICE, "utf8").match(/^> /gm)?.length, 2);
    const ids = [...readFileSync(NOTICE, "utf8").matchAll(/^> (\d+)$/gm)].map(([, id]) => Number(id));
    assert.ok((ids[0] ?? 0) < (ids[1] ?? 0));

    const old = Date.now() / 1000 - 15 * 86_400;
    utimesSync(NOTICE, old, old);
    assert.equal(run(["-c", config()]).status, 0);
    assert.ok(!existsSync(NOTICE), "no login has shown it");
  });

  test("turned off, nothing is written and what waited is gone", async () => {
    await server();
    assert.equal(run(["-c", config()]).status, 0);
    assert.ok(existsSync(NOTICE));
    await server();
    assert.equal(run(["-c", config("[notice]\nenabled = false\n")]).status, 0);
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
      assert.match(
        swept.stderr,
        /its file system does not support ACLs; use one that does, or set enabled = false/,
      );
      assert.deepEqual(living(stage), []);
      assert.deepEqual(readdirSync(`${STATE}/notices`), []);
    } finally {
      must(["umount", `${STATE}/notices`]);
    }
  });
}

usersSuite(import.meta.url, "notices", noticing);
