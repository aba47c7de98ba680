// The tag directory as the sweep sees it, through the addon. What a damaged file can hold is tested in
// native/test/tag_test.cc; here it is counted, named and never in the way of the good ones.
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

const native = loadNative();

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

test("a missing directory is an empty listing", (t) => {
  const folder = tagFolder(t);
  assert.deepEqual(native.readTags(join(folder, "absent")), { tags: [], faults: [] });
});

test("a tag crosses with every field, unknown ones as null", (t) => {
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
  assert.deepEqual(native.readTags(folder), { tags: [EXAMPLE, bare], faults: [] });
});

test("files that are no tags are named and counted, and the good one is still read", (t) => {
  const folder = tagFolder(t);
  putTag(folder, EXAMPLE);
  const text = `${JSON.stringify(EXAMPLE)}\n`;
  writeFileSync(join(folder, "1-1.json"), "");
  writeFileSync(join(folder, "2-1.json"), text.slice(0, 100));
  writeFileSync(join(folder, "3-1.json"), text);
  writeFileSync(join(folder, "4-1.json"), "x".repeat(1 << 20));
  symlinkSync(join(folder, "75950-123456.json"), join(folder, "5-1.json"));
  mkdirSync(join(folder, "6-1.json"));
  const { tags, faults } = native.readTags(folder);
  assert.deepEqual(tags, [EXAMPLE]);
  assert.deepEqual(faults.map(({ detail }) => detail.split(":")[0]).sort(), [
    "1-1.json",
    "2-1.json",
    "3-1.json",
    "4-1.json",
    "5-1.json",
    "6-1.json",
  ]);
});

test("a directory that others may enter is a fault, not an empty listing", (t) => {
  const folder = tagFolder(t);
  putTag(folder, EXAMPLE);
  chmodSync(folder, 0o711);
  const { tags, faults } = native.readTags(folder);
  assert.equal(tags.length, 0);
  assert.equal(faults.length, 1);
  assert.throws(() => native.removeTag(folder, EXAMPLE.root));
  assert.ok(existsSync(join(folder, "75950-123456.json")));
});

test("a tag is removed once, by pid and start time", (t) => {
  const folder = tagFolder(t);
  putTag(folder, EXAMPLE);
  assert.equal(native.removeTag(folder, { pid: 75950, startTime: 123457 }), false);
  assert.equal(native.removeTag(folder, EXAMPLE.root), true);
  assert.equal(native.removeTag(folder, EXAMPLE.root), false);
  assert.deepEqual(readdirSync(folder), []);
  assert.equal(native.removeTag(join(folder, "absent"), EXAMPLE.root), false);
});

import type { Tag } from "../../src/core/observation/observation.ts";
import { loadNative } from "../../src/shell/host/native.ts";
