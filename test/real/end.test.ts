// `end`: a user ends their own trees, and only those.

import assert from "node:assert/strict";
import { chmodSync, existsSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { bareServer, legacy, sleeper } from "../helpers/ide-trees.ts";
import { config, PROGRAM, run, start, succeeds, temporaryFile } from "../helpers/program.ts";
import { living, type PlanNode, startTree } from "../helpers/puppet.ts";
import { makeHome } from "../helpers/real.ts";
import { as, NOTICE, other, server, uid, usersSuite } from "../helpers/users-side.ts";

function ending(): void {
  test("a user ends their own trees and no other user's, whatever they asked before", async () => {
    const [mine, theirs] = [await server(), await server(other)];
    const patient = temporaryFile("config.toml", 'settle = "0s"\ntermWait = "1s"\n');
    chmodSync(dirname(patient), 0o755);
    assert.equal(as(uid, "keep", "-c", patient).status, 0);
    const dry = as(uid, "end", "-n", "-c", patient);
    assert.match(dry.stderr, /Would kill 1 process\(es\) under pid \d+ \(uid 64001\)/);
    assert.equal(living(mine).length, 1);
    const ended = as(uid, "end", "-v", "-c", patient);
    assert.equal(ended.status, 0, ended.stderr);
    assert.equal(ended.stdout, "");
    assert.match(ended.stderr, /^\S+ Killed 1 process\(es\) under pid \d+ \(uid 64001\)\n\S+ {5}.*\n$/);
    assert.deepEqual([living(mine).length, living(theirs).length], [0, 1]);
    assert.equal(as(uid, "end", "-u", String(other), "-c", patient).status, 77);
    assert.equal(as(uid, "end", "--pid", String(theirs.pids[0]), "-c", patient).status, 1);
    assert.equal(living(theirs).length, 1);
    const nothing = as(uid, "end", "-c", patient);
    assert.equal(nothing.status, 0);
    assert.match(nothing.stderr, /there is nothing to end/);
  });

  test("only the tree that was named, also one in use", async () => {
    const home = makeHome(uid);
    const behaviours = ["tcp-connect=@server"] as const;
    const client: PlanNode = { ...sleeper(home, "client", ["client"], uid), behaviours };
    const one = await startTree([bareServer(home, uid, ["tcp-listen"]), client]);
    const two = await server();
    assert.equal(as(uid, "end", "--pid", String(one.node("server").pid), "-c", config()).status, 0);
    assert.deepEqual([living(one), living(two)], [["client"], ["server"]]);
  });

  test("what the site exempts stays, and is named", async () => {
    const stage = await server();
    const ended = as(uid, "end", "-c", config(`exemptUsers = [${uid}]\n`));
    assert.equal(ended.status, 0);
    assert.match(ended.stderr, /left alone: the tree of \d+: user 64001 is exempt\n.*nothing to end/);
    assert.equal(living(stage).length, 1);
  });

  test("root's sweep at the same time: all of it ends, nothing stays stopped, neither fails", async () => {
    const home = makeHome(uid);
    const stage = await startTree(legacy(home, { uid, behaviours: ["ignore-term"] }));
    const own = config();
    const [swept, ended] = await Promise.all([
      start(process.execPath, [PROGRAM, "sweep", "-vv", "-c", own]),
      start(process.execPath, [PROGRAM, "end", "-vv", "-c", own], uid),
    ]);
    assert.deepEqual(living(stage), []);
    const both = `${swept.stderr}\n${ended.stderr}`;
    assert.deepEqual([swept.status, ended.status], [0, 0], both);
    assert.match(both, /Killed \d process/);
  });

  test("root must name a user", async () => {
    const [mine, theirs] = [await server(), await server(other)];
    assert.equal(run(["end", "-c", config()]).status, 64);
    succeeds(["end", "-u", String(uid), "-c", config()]);
    assert.deepEqual([living(mine).length, living(theirs).length], [0, 1]);
    assert.ok(existsSync(NOTICE), "a user gets a notice of what another ended");
  });
}

usersSuite(import.meta.url, "end", ending);
