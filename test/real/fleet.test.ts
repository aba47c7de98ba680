// `fleet` by the built program: what a tool that reaches many hosts collects, with a stand-in that plays the tool.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";

const sandbox = inPidNamespace(import.meta.url);
if (sandbox.inside) insideNamespace();
else
  test("hosts collected, inside a pid namespace", { skip: sandbox.skip }, async (t) => {
    const { passed } = await sandbox.run();
    t.diagnostic(`${passed} tests passed inside`);
  });

const uid = USER;

/** Plays clush and pdsh: runs a command under each host's name and puts the name before its lines. */
const STAND_IN = `#!/bin/sh
for host in login1 login2; do
  unshare --uts sh -c 'hostname "$0" && exec "$@"' "$host" "$@" | sed "s/^/$host: /"
done
`;

function collect(...args: string[]): string {
  const tool = temporaryFile("clush", STAND_IN);
  chmodSync(tool, 0o755);
  const program = [process.execPath, resolve("dist/vscode-grim-reaper.cjs")];
  const { status, stdout, stderr } = spawnSync(tool, [...program, ...args], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

const json = (text: string): Fleet => JSON.parse(text);

function insideNamespace(): void {
  freshState();

  test("two hosts from one pipe: the table, and the user with trees on both", async () => {
    const stage = await startTree(bareServer(makeHome(uid), uid));
    const collected = collect("list", "--json");
    const fleet = run(["fleet", "-"], { input: collected });
    assert.deepEqual([fleet.status, fleet.stderr], [0, ""]);
    const lines = fleet.stdout.split("\n");
    assert.match(
      lines[0] ?? "",
      /^HOST +TREES +REAP +WAIT +SPARE +EXEMPT +UNKNOWN +MEMORY +ORPHANED +TAKEN$/,
    );
    assert.match(lines[1] ?? "", /^login1 +1 +0 +1 +0 +0 +0 +\d+ KiB +\d+ KiB +\ds ago$/);
    assert.match(lines[2] ?? "", /^login2 +1 /);
    assert.match(lines[3] ?? "", /^2 hosts +2 +0 +2 /);
    assert.match(fleet.stdout, /^Users with trees on several hosts\nUSER +TREES +ATTACHED +ORPHANED +OTHER/m);
    assert.match(fleet.stdout, /^64001 +2 +- +login1 login2 +- +\d+ [KM]iB$/m);
    await stage.end();
  });

  test("files of list --json and of snapshot, one for each host", async () => {
    const stage = await startTree(bareServer(makeHome(uid), uid));
    const [one, two] = [collect("list", "--json"), collect("snapshot")].map((text) => text.split("\n"));
    const files = [
      temporaryFile("login1.json", one?.[0]?.replace(/^login1: /, "") ?? ""),
      temporaryFile("login2.json", two?.[1]?.replace(/^login2: /, "") ?? ""),
    ];
    const fleet = run(["fleet", "--json", ...files]);
    assert.equal(fleet.status, 0, fleet.stderr);
    const { hosts, users } = json(fleet.stdout);
    assert.deepEqual(
      hosts.map(({ host, verdicts }) => [host, verdicts.wait]),
      [
        ["login1", 1],
        ["login2", 1],
      ],
    );
    assert.deepEqual(users[0]?.orphaned, ["login1", "login2"]);
    // A snapshot is judged with the policy of here.
    const strict = temporaryFile("config.toml", 'grace = "0"\n');
    const again = json(run(["fleet", "--json", "-c", strict, ...files]).stdout);
    assert.deepEqual(
      again.hosts.map(({ verdicts }) => verdicts.reap),
      [0, 1],
    );
    await stage.end();
  });

  test("a missing, torn, old or hostile file is named, the others count, and the status says so", () => {
    const [good = "", other = ""] = collect("list", "--json").split("\n");
    const torn = temporaryFile("torn.txt", other.slice(0, 40));
    const evil = temporaryFile("evil.txt", `\u001b[2J\u202e: {"host":"\u001b[31m"}\n`);
    const old = temporaryFile("old.txt", other.replace(/"takenAt":\d+/, '"takenAt":1700000000000'));
    const swapped = temporaryFile("swapped.txt", other.replace("login2: ", "login3: "));
    const fifo = join(torn, "..", "fifo");
    assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
    const files = ["/nonexistent", torn, evil, old, swapped, fifo, "/dev/zero", "-"];
    const fleet = run(["fleet", ...files], { input: good });
    assert.equal(fleet.status, 1);
    assert.match(fleet.stdout, /^login1 /m);
    const faults = fleet.stderr.trim().split("\n");
    assert.equal(faults.length, files.length - 1, fleet.stderr);
    for (const [i, why] of [
      /cannot read \/nonexistent: ENOENT/,
      /torn\.txt:1 \(login2\): is torn or not JSON/,
      /evil\.txt:1: is torn or not JSON/,
      /old\.txt:1 \(login2\): was taken \d+d.* ago, longer than 1d/,
      /swapped\.txt:1 \(login3\): came from login3 but names the host login2/,
      /fifo: it is not a regular file/,
      /zero: it is not a regular file/,
    ].entries())
      assert.ok(
        faults.some((line) => why.test(line)),
        `${i}: ${why}\n${fleet.stderr}`,
      );
    assert.doesNotMatch(fleet.stderr.replaceAll("\n", ""), /\p{C}/u);
    const aged = run(["fleet", "--max-age", "3650d", old]);
    assert.equal(aged.status, 0, aged.stderr);
    assert.equal(run(["fleet", "--max-age", "soon", old]).status, 64);
    assert.equal(run(["fleet"]).status, 64);
  });

  test("a host that comes twice is reported, and is not a failure", () => {
    const [good = ""] = collect("list", "--json").split("\n");
    const fleet = run(["fleet", "-"], { input: `${good}\n${good}\n` });
    assert.equal(fleet.status, 0, fleet.stderr);
    assert.match(
      fleet.stdout,
      /^login1 appears twice: standard input:2 counts, standard input:1 is 0s older$/m,
    );
  });

  test("the real tools, where they are installed", (t) => {
    const program = `${process.execPath} ${resolve("dist/vscode-grim-reaper.cjs")} list --json`;
    const both = `unshare --uts sh -c "hostname %h && exec ${program}"`;
    const commands: Readonly<Record<string, readonly string[]>> = {
      clush: ["-R", "exec", "-w", "login[1-2]", both],
      pdsh: ["-R", "exec", "-w", "login[1-2]", "sh", "-c", both],
    };
    let found = 0;
    for (const [tool, args] of Object.entries(commands)) {
      const { error, stdout, stderr } = spawnSync(tool, args, { encoding: "utf8", timeout: 300_000 });
      if (error) continue;
      found++;
      const { hosts, errors } = json(run(["fleet", "--json", "-"], { input: stdout }).stdout);
      assert.deepEqual(
        [hosts.map(({ host }) => host), errors],
        [["login1", "login2"], []],
        `${tool}: ${stdout}${stderr}`,
      );
    }
    t.diagnostic(`${found} of clush and pdsh`);
  });
}

import type { Fleet } from "../../src/core/cluster/fleet.ts";
import { bareServer } from "../helpers/ide-trees.ts";
import { run, temporaryFile } from "../helpers/program.ts";
import { startTree } from "../helpers/puppet.ts";
import { makeHome, USER } from "../helpers/real.ts";
import { freshState, inPidNamespace } from "../helpers/sandbox.ts";
