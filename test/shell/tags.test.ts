// What is taken for a tag, and what becomes of the rest.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Tag } from "../../src/core/observation/observation.ts";
import { readTags, removeTags } from "../../src/shell/store/tags.ts";
import { temporaryFolder } from "../helpers/program.ts";

const BOOT = "6a7b8c9d-0123-4567-89ab-cdef01234567";
const EXAMPLE: Tag = {
  uid: 1001,
  auditSession: 42,
  logindSession: "c1",
  closedAt: 1714000000000,
  closedUptime: 987654321,
  remoteHost: "login.example.org",
};

function runFolder(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "tags"), { mode: 0o700 });
  return folder;
}

/** The text that the hook writes. */
const textOf = (tag: Tag, bootId = BOOT): string =>
  `${JSON.stringify({ schemaVersion: 1, bootId, ...tag })}\n`;

function put(folder: string, name: string, text: string, mode = 0o600): void {
  const file = join(folder, "tags", name);
  writeFileSync(file, text, { mode });
  chmodSync(file, mode);
}
const putTag = (folder: string, tag: Tag, bootId = BOOT): void =>
  put(folder, `${tag.uid}.json`, textOf(tag, bootId));

test("without a run folder, or without a folder of tags in it, there are none", () => {
  const folder = runFolder();
  assert.deepEqual(readTags(join(folder, "absent"), BOOT), { tags: [], faults: [] });
  rmSync(join(folder, "tags"), { recursive: true });
  assert.deepEqual(readTags(folder, BOOT), { tags: [], faults: [] });
});

test("tags of this boot are read with every field, unknown ones as null", () => {
  const folder = runFolder();
  const bare: Tag = { ...EXAMPLE, uid: 1002, auditSession: null, logindSession: null, remoteHost: null };
  putTag(folder, bare);
  putTag(folder, EXAMPLE);
  putTag(folder, { ...EXAMPLE, uid: 1003 }, "11111111-2222-4333-8444-555555555555");
  assert.deepEqual(readTags(folder, BOOT), { tags: [EXAMPLE, bare], faults: [] });
});

/** Texts that are almost a tag, each with what a fault says. */
const ALMOST: readonly (readonly [string, string, RegExp])[] = [
  ["{", "x{", /JSON/],
  ['"schemaVersion":1', '"schemaVersion":2', /schemaVersion/],
  ['"uid":1001', '"uid":-1', /uid/],
  ['"uid":1001', '"uid":4294967295', /uid/],
  ['"uid":1001', '"uid":1001.5', /uid/],
  ['"uid":1001', '"uid":"1001"', /uid/],
  ['"uid":1001', '"uid":1002', /does not match its content/],
  ['"uid":1001', '"uid":1001,"more":1', /more/],
  ['"auditSession":42', '"auditSession":4294967295', /auditSession/],
  ['"closedAt":1714000000000', '"closedAt":1e300', /closedAt/],
  ['"closedUptime":987654321', '"closedUptime":null', /closedUptime/],
  ["6a7b8c9d", "6A7B8C9D", /bootId/],
  ['"c1"', `"${"c".repeat(256)}"`, /logindSession/],
  [',"remoteHost":"login.example.org"', "", /remoteHost/],
];

test("a text that is almost a tag is a fault that names the field", () => {
  const folder = runFolder();
  for (const [from, to, says] of ALMOST) {
    assert.ok(textOf(EXAMPLE).includes(from), from);
    put(folder, "1001.json", textOf(EXAMPLE).replace(from, to));
    const { tags, faults } = readTags(folder, BOOT);
    assert.equal(tags.length, 0, to);
    assert.match(faults[0]?.detail ?? "", says);
  }
});

test("files that are not tags are named, open nothing, and the good tag is still read", () => {
  const folder = runFolder();
  putTag(folder, EXAMPLE);
  put(folder, "1.json", "");
  put(folder, "2.json", textOf(EXAMPLE).slice(0, 100));
  put(folder, "3.json", "x".repeat(1 << 20));
  symlinkSync("1001.json", join(folder, "tags/4.json"));
  mkdirSync(join(folder, "tags/5.json"));
  execFileSync("mkfifo", [join(folder, "tags/6.json")]); // an open would wait for a writer
  put(folder, "7.json", textOf({ ...EXAMPLE, uid: 7 }), 0o622);
  put(folder, "8.txt", textOf({ ...EXAMPLE, uid: 8 }));
  const { tags, faults } = readTags(folder, BOOT);
  assert.deepEqual(tags, [EXAMPLE]);
  const names = faults.map(({ detail }) => detail.split(":")[0]).sort();
  assert.deepEqual(names, ["1.json", "2.json", "3.json", "4.json", "5.json", "6.json", "7.json", "8.txt"]);
});

test("an interrupted writer's file is removed and reported once it is old", () => {
  const folder = runFolder();
  put(folder, ".7.json.123.tmp", '{"sch');
  assert.deepEqual(readTags(folder, BOOT), { tags: [], faults: [] });
  utimesSync(join(folder, "tags/.7.json.123.tmp"), 1000, 1000);
  assert.match(readTags(folder, BOOT).faults[0]?.detail ?? "", /removed, left half-written/);
  assert.deepEqual(readTags(folder, BOOT), { tags: [], faults: [] });
});

test("a folder that others may enter is not used", () => {
  const folder = runFolder();
  putTag(folder, EXAMPLE);
  chmodSync(join(folder, "tags"), 0o711);
  for (const faults of [readTags(folder, BOOT).faults, removeTags(folder, [1001], 1e12)])
    assert.match(faults[0]?.detail ?? "", /this user alone may enter/);
  assert.deepEqual(readTags(folder, BOOT).tags, []);
  assert.deepEqual(readdirSync(join(folder, "tags")), ["1001.json"]);
});

test("the tags of the users named are removed, but one that closed since", () => {
  const folder = runFolder();
  for (const uid of [1001, 1002]) putTag(folder, { ...EXAMPLE, uid });
  putTag(folder, { ...EXAMPLE, uid: 1003, closedUptime: EXAMPLE.closedUptime + 1 });
  assert.deepEqual(removeTags(folder, [1001, 1003, 1004], EXAMPLE.closedUptime), []);
  assert.deepEqual(readdirSync(join(folder, "tags")).sort(), ["1002.json", "1003.json"]);
  assert.deepEqual(removeTags(join(folder, "absent"), [1001], 0), []);
});
