import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

const EXAMPLE: Tag = {
  schemaVersion: 1,
  bootId: "6a7b8c9d-0123-4567-89ab-cdef01234567",
  uid: 1001,
  root: { pid: 75950, startTime: 123456 },
  auditSession: 42,
  logindSession: "c1",
  closedAt: 1714000000000,
  closedUptime: 987654321,
  product: "vscode",
  remoteHost: "login.example.org",
};

function tagFolder(t: TestContext): string {
  const base = mkdtempSync(join(tmpdir(), "tags-test-"));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const folder = join(base, "tags");
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** The keys of EXAMPLE stand in the order of the file, so its JSON is the file. */
function putTag(folder: string, tag: Tag): void {
  const name = `${tag.root.pid}-${tag.root.startTime}.json`;
  writeFileSync(join(folder, name), `${JSON.stringify(tag)}\n`, { mode: 0o600 });
}

test("an absent folder has no tags", (t) => {
  const folder = tagFolder(t);
  assert.deepEqual(readTags(join(folder, "absent")), { tags: [], faults: [] });
});

test("a tag is read with every field, unknown ones as null", (t) => {
  const folder = tagFolder(t);
  const bare: Tag = {
    ...EXAMPLE,
    root: { pid: 80000, startTime: 9007199254740991 },
    auditSession: null,
    logindSession: null,
    remoteHost: null,
  };
  putTag(folder, EXAMPLE);
  putTag(folder, bare);
  assert.deepEqual(readTags(folder), { tags: [EXAMPLE, bare], faults: [] });
});

/** Texts that are almost a tag, each with the field that a fault names. */
const ALMOST: readonly (readonly [string, string, RegExp])[] = [
  ["{", "x{", /not JSON/],
  ['"schemaVersion":1', '"schemaVersion":2', /schemaVersion/],
  ['"uid":1001', '"uid":-1', /uid/],
  ['"uid":1001', '"uid":4294967295', /uid/],
  ['"uid":1001', '"uid":1001.5', /uid/],
  ['"uid":1001', '"uid":"1001"', /uid/],
  ['"uid":1001', '"uid":1001,"more":1', /more/],
  ['"pid":75950', '"pid":75951', /disagree/],
  ['"startTime":123456', '"startTime":123457', /disagree/],
  ['"auditSession":42', '"auditSession":4294967295', /auditSession/],
  ['"closedAt":1714000000000', '"closedAt":1e300', /closedAt/],
  ['"closedUptime":987654321', '"closedUptime":null', /closedUptime/],
  ["6a7b8c9d", "6A7B8C9D", /bootId/],
  ['"vscode"', '"VS Code"', /product/],
  ['"c1"', `"${"c".repeat(256)}"`, /logindSession/],
  [',"remoteHost":"login.example.org"', "", /remoteHost/],
];

test("a text that is almost a tag is a fault that names the field", (t) => {
  const folder = tagFolder(t);
  const text = `${JSON.stringify(EXAMPLE)}\n`;
  for (const [from, to, says] of ALMOST) {
    assert.ok(text.includes(from), from);
    writeFileSync(join(folder, "75950-123456.json"), text.replace(from, to), { mode: 0o600 });
    const { tags, faults } = readTags(folder);
    assert.equal(tags.length, 0, to);
    assert.match(faults[0]?.detail ?? "", says);
  }
});

test("files that are not tags are named, open nothing, and the good tag is still read", (t) => {
  const folder = tagFolder(t);
  putTag(folder, EXAMPLE);
  const text = `${JSON.stringify(EXAMPLE)}\n`;
  writeFileSync(join(folder, "1-1.json"), "", { mode: 0o600 });
  writeFileSync(join(folder, "2-1.json"), text.slice(0, 100), { mode: 0o600 });
  writeFileSync(join(folder, "3-1.json"), text, { mode: 0o600 });
  writeFileSync(join(folder, "4-1.json"), "x".repeat(1 << 20), { mode: 0o600 });
  symlinkSync(join(folder, "75950-123456.json"), join(folder, "5-1.json"));
  mkdirSync(join(folder, "6-1.json"));
  execFileSync("mkfifo", [join(folder, "7-1.json")]); // an open would wait for a writer
  putTag(folder, { ...EXAMPLE, root: { pid: 8, startTime: 1 } });
  chmodSync(join(folder, "8-1.json"), 0o622);
  const { tags, faults } = readTags(folder);
  assert.deepEqual(tags, [EXAMPLE]);
  assert.deepEqual(
    faults.map(({ detail }) => detail.split(":")[0]).sort(),
    [1, 2, 3, 4, 5, 6, 7, 8].map((pid) => `${pid}-1.json`),
  );
});

test("a folder full of rubbish is read up to a bound and reported in a few lines", (t) => {
  const folder = tagFolder(t);
  for (let i = 0; i <= 20_000; i++) writeFileSync(join(folder, `x${i}`), "", { mode: 0o600 });
  const { tags, faults } = readTags(folder);
  assert.equal(tags.length, 0);
  assert.ok(faults.length <= 21, `${faults.length} faults`);
  assert.ok(faults.some(({ detail }) => detail.includes("more than 20000 files")));
  assert.ok(faults.some(({ detail }) => /^\d+ more files are not tags/.test(detail)));
});

test("an interrupted writer's file is removed and reported once it is old", (t) => {
  const folder = tagFolder(t);
  const file = join(folder, ".7-1.json.123.tmp");
  writeFileSync(file, '{"sch', { mode: 0o600 });
  assert.deepEqual(readTags(folder), { tags: [], faults: [] });
  utimesSync(file, 1000, 1000);
  assert.match(readTags(folder).faults[0]?.detail ?? "", /removed, left half-written/);
  assert.deepEqual(readTags(folder), { tags: [], faults: [] });
});

test("a folder that others may enter is refused", (t) => {
  const folder = tagFolder(t);
  putTag(folder, EXAMPLE);
  chmodSync(folder, 0o711);
  assert.throws(() => readTags(folder), /this user alone may enter/);
  assert.throws(() => removeTag(folder, EXAMPLE.root), /this user alone may enter/);
  assert.ok(existsSync(join(folder, "75950-123456.json")));
});

test("a tag is removed once, by pid and start time", (t) => {
  const folder = tagFolder(t);
  putTag(folder, EXAMPLE);
  assert.equal(removeTag(folder, { pid: 75950, startTime: 123457 }), false);
  assert.equal(removeTag(folder, EXAMPLE.root), true);
  assert.equal(removeTag(folder, EXAMPLE.root), false);
  assert.deepEqual(readdirSync(folder), []);
  assert.equal(removeTag(join(folder, "absent"), EXAMPLE.root), false);
});

import type { Tag } from "../../src/core/observation/observation.ts";
import { readTags, removeTag } from "../../src/shell/store/tags.ts";
