// The commands of docs/monitoring.md, run block by block: a stand-in prints what clush or Ansible collects of two nodes.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { recordLine } from "../../src/core/ledger/record.ts";
import type { Observation } from "../../src/core/observation/observation.ts";
import { hostDocument } from "../../src/core/report/json.ts";
import { safeJson } from "../../src/core/text/safe-text.ts";
import { contextFor, judge } from "../helpers/judge.ts";
import { ledgerRecord } from "../helpers/ledger-records.ts";
import { blockWith, shellBlocks } from "../helpers/markdown.ts";
import { DEFAULT_POLICY } from "../helpers/policy.ts";
import { fromHost, legacyTree, linked, observation, sshSession } from "../helpers/proc.ts";
import { temporaryFolder } from "../helpers/program.ts";

const folder = temporaryFolder();
const skip = existsSync("/usr/bin/jq") ? false : "jq is not installed";

const BOB = 2002;
const blocks = shellBlocks("docs/monitoring.md");

function listOf(host: string, seen: Observation): string {
  const context = contextFor({ ...DEFAULT_POLICY, minUid: 1000 });
  return safeJson(hostDocument({ ...seen, host }, judge(seen, context), seen.faults));
}

const orphan = (base: number, uid: number) => legacyTree(base, { uid, rssKiB: 1536 });
const inUse = observation([...orphan(500, 2001), ...sshSession(300)], {
  connections: linked(fromHost(501)),
  faults: [{ what: "read the tags", detail: "EACCES" }],
});
const lists = {
  login2: listOf("login2", inUse),
  login1: listOf("login1", observation([...orphan(500, 2001), ...orphan(700, 2001), ...orphan(900, BOB)])),
};

/** Runs the block with a text in a folder of its own, where a stand-in of the collecting tool comes first on PATH. */
function type(text: string): string {
  const block = blockWith(blocks, text);
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", block], {
    cwd: folder,
    encoding: "utf8",
    env: { LC_ALL: "C.UTF-8", PATH: `${folder}:/usr/bin:/bin` },
  });
  assert.deepEqual([status, stderr], [0, ""], block);
  return stdout;
}

function standIn(tool: string, prints: string): void {
  writeFileSync(join(folder, "printed"), prints);
  writeFileSync(join(folder, tool), `#!/bin/sh\ncat printed\n`, { mode: 0o755 });
}

const collected = (): string => readFileSync(join(folder, "trees.jsonl"), "utf8");
const both = `${lists.login2}\n${lists.login1}\n`;

test("clush and Ansible collect one line for each node", () => {
  standIn("clush", both);
  type("clush");
  assert.equal(collected(), both);
  const heads = (host: "login1" | "login2") => `${host} | CHANGED | rc=0 >>\n${lists[host]}\n`;
  standIn("ansible", heads("login2") + heads("login1"));
  type("ansible");
  assert.equal(collected(), both);
});

test("clush itself prints with -N what each node prints", (t) => {
  const args = ["-N", "-R", "exec", "-w", "login[1-2]", `echo '{"host":"%h"}'`];
  const { error, stdout, stderr } = spawnSync("clush", args, { encoding: "utf8" });
  if (error) return t.skip("clush is not installed");
  assert.deepEqual(stdout.trim().split("\n").sort(), ['{"host":"login1"}', '{"host":"login2"}'], stderr);
});

test("the tables: nodes, users with trees on several, and what a node could not read", { skip }, () => {
  standIn("clush", both);
  type("clush");
  assert.deepEqual(type("ORPHANS_MIB").split("\n"), [
    "HOST\tTREES\tORPHANS\tMIB\tORPHANS_MIB\tERRORS",
    "login1\t3\t3\t27\t27\t0",
    "login2\t1\t0\t9\t0\t1",
    "all\t4\t3\t36\t27\t1",
    "",
  ]);
  assert.deepEqual(type("CONNECTED").split("\n"), [
    "UID\tTREES\tCONNECTED\tORPHANED",
    "2001\t3\tlogin2\tlogin1",
    "",
  ]);
  assert.equal(type("cannot"), "login2: cannot read the tags: EACCES\n");
});

test("the ledger as a table has a line for each ended tree", { skip }, () => {
  const records = [ledgerRecord("2027-01-01"), ledgerRecord("2027-01-02", { would: true })];
  standIn("zcat", records.map(recordLine).join(""));
  type("@csv");
  const table = readFileSync(join(folder, "reaps.csv"), "utf8");
  assert.match(table, /^"2027-01-01T[^"]+","login1","alice","vscode","tag-past-grace",6,1024\n$/);
});

test("a node without trees has a row of zeros, and no user is on several nodes", { skip }, () => {
  standIn("clush", `${listOf("login3", observation([]))}\n`);
  type("clush");
  assert.match(type("ORPHANS_MIB"), /^login3\t0\t0\t0\t0\t0\nall\t0\t0\t0\t0\t0$/m);
  assert.equal(type("CONNECTED"), "UID\tTREES\tCONNECTED\tORPHANED\n");
});
