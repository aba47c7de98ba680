/** Whose the subordinate uids are. */

import assert from "node:assert/strict";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseSubuid, subordinateUids } from "../../src/shell/host/subordinate-uids.ts";
import { temporaryFolder } from "../helpers/program.ts";

const folder = temporaryFolder();

test("ranges belong to the user who is named, by name or by uid", () => {
  const uids = new Map([["alice", 2001]]);
  assert.deepEqual(parseSubuid("alice:100000:65536\n2002:165536:65536\n", uids), [
    { first: 100000, count: 65536, owner: 2001 },
    { first: 165536, count: 65536, owner: 2002 },
  ]);
});

test("all ranges of a name that is not local count together", () => {
  const owners = parseSubuid("carol:300000:10\ncarol:400000:10\ndan:500000:10", new Map()).map(
    ({ owner }) => owner,
  );
  assert.deepEqual(owners, [300000, 300000, 500000]);
});

for (const [what, line] of [
  ["a comment", "# alice:1:2"],
  ["an empty range", "alice:100000:0"],
  ["a range with root in it", "alice:0:10"],
  ["a range past the last uid", "alice:4294967290:100"],
  ["words", "alice:x:y"],
  ["a missing part", "alice:100000"],
] as const)
  test(`no range: ${what}`, () => assert.deepEqual(parseSubuid(line, new Map()), []));

test("at most 4,096 ranges", () => {
  const text = Array.from({ length: 5000 }, (_, i) => `${i + 1}:${100_000 + i}:1`).join("\n");
  assert.equal(parseSubuid(text, new Map()).length, 4096);
});

test("a missing file, a link and a huge file give none", () => {
  const file = join(folder, "subuid");
  assert.deepEqual(subordinateUids(file), []);
  writeFileSync(file, "root2:100000:65536\n");
  const passwd = join(folder, "passwd");
  writeFileSync(passwd, "root2:x:4001:4001::/:/bin/sh\n");
  assert.deepEqual(subordinateUids(file, passwd), [{ first: 100000, count: 65536, owner: 4001 }]);
  assert.deepEqual(subordinateUids(file, join(folder, "none")), [
    { first: 100000, count: 65536, owner: 100000 },
  ]);
  symlinkSync(file, join(folder, "link"));
  assert.deepEqual(subordinateUids(join(folder, "link"), passwd), []);
  writeFileSync(file, `root2:100000:65536\n${" ".repeat(1_048_576)}`);
  assert.deepEqual(subordinateUids(file, passwd), []);
});
