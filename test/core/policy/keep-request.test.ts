/** Requests to keep: which files count as one, and for how long. */

import assert from "node:assert/strict";
import test from "node:test";
import { parseSaved } from "../../../src/core/observation/snapshot-file.ts";
import { type KeepEntry, keepLine, readKeep, whyNotOwners } from "../../../src/core/policy/keep-request.ts";
import { ALICE, legacyTree, observation } from "../../helpers/proc.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;

const entry = (init: Partial<KeepEntry> = {}): KeepEntry => ({
  name: String(ALICE),
  kind: "file",
  owner: ALICE,
  links: 1,
  size: 24,
  ctime: NOW - HOUR,
  text: keepLine(ALICE, NOW + HOUR),
  ...init,
});
const until = (init: Partial<KeepEntry>, max = 24 * HOUR): number | null | undefined => {
  const answer = readKeep(entry(init), NOW, max);
  return "fault" in answer ? undefined : (answer.keep?.until ?? null);
};

test("a request holds until its time, and no longer than the site allows from its last change", () => {
  assert.equal(until({}), NOW + HOUR);
  assert.equal(until({ text: keepLine(ALICE, NOW + 99 * HOUR) }), NOW + 23 * HOUR);
  assert.equal(until({ text: keepLine(ALICE, NOW + 99 * HOUR), ctime: NOW - 25 * HOUR }), null);
  assert.equal(until({ text: keepLine(ALICE, NOW - 1) }), null);
  assert.equal(until({ text: keepLine(ALICE, NOW) }), null);
  assert.equal(until({}, HOUR / 2), null);
  // A change that is yet to come, by a clock set back, gives no more than one of now.
  assert.equal(until({ text: keepLine(ALICE, NOW + 99 * HOUR), ctime: NOW + 50 * HOUR }), NOW + 24 * HOUR);
  assert.equal(until({ size: 0, text: "" }), null);
});

for (const [what, init, fault] of [
  ["another user's file", { owner: 2002 }, /belongs to uid 2002/],
  ["root's file", { owner: 0 }, /belongs to uid 0/],
  ["a name that is not a uid", { name: "alice" }, /belongs to uid 2001/],
  ["a uid written otherwise", { name: "02001" }, /belongs/],
  ["a symlink", { kind: "link" }, /not a regular file/],
  ["a FIFO", { kind: "other" }, /not a regular file/],
  ["a folder", { kind: "folder" }, /not a regular file/],
  ["a second name", { links: 2 }, /more than one name/],
  ["a huge file", { size: 1e9 }, /longer than 128 bytes/],
  ["another user's uid in it", { text: keepLine(2002, NOW + HOUR) }, /speaks for uid 2002/],
  ["no line of its kind", { text: "keep me\n" }, /is not a line/],
  ["two lines", { text: keepLine(ALICE, NOW + HOUR).repeat(2) }, /is not a line/],
  ["a time with a sign", { text: `keep ${ALICE} -1\n` }, /is not a line/],
  ["a time as 1e99", { text: `keep ${ALICE} 1e99\n` }, /is not a line/],
  ["a file that was not read", { text: null }, /is not a line/],
] as const)
  test(`not a request: ${what}`, () => {
    const answer = readKeep(entry(init), NOW, 24 * HOUR);
    assert.ok("fault" in answer);
    assert.match(answer.fault, fault);
  });

test("an entry under another user's name is removed, an entry under the owner's name is not", () => {
  assert.equal(whyNotOwners({ name: "2001", owner: 2001 }), null);
  for (const name of ["2002", "x", "02001", "2001 ", ".2001", "-1", ""])
    assert.notEqual(whyNotOwners({ name, owner: 2001 }), null, name);
});

test("a saved observation keeps its requests, one from before there were any has none", () => {
  const seen = observation(legacyTree(500), { keeps: [{ uid: ALICE, until: NOW + HOUR }] });
  const again = parseSaved(JSON.stringify(seen));
  assert.ok("observation" in again);
  assert.deepEqual(again.observation.keeps, seen.keeps);
  const { keeps: _, ...old } = seen;
  const before = parseSaved(JSON.stringify(old));
  assert.ok("observation" in before);
  assert.deepEqual(before.observation.keeps, []);
});
