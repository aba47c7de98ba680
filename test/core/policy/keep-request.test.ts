/** Requests to keep: which places hold one, and for how long. */

import assert from "node:assert/strict";
import test from "node:test";
import { parseSaved } from "../../../src/core/observation/snapshot-file.ts";
import { type KeepPlace, readKeep } from "../../../src/core/policy/keep-request.ts";
import { ALICE, legacyTree, observation } from "../../helpers/proc.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;

const place = (init: Partial<KeepPlace> = {}): KeepPlace => ({
  kind: "link",
  owner: ALICE,
  mtime: NOW + HOUR,
  ctime: NOW - HOUR,
  ...init,
});
const until = (init: Partial<KeepPlace>, max = 24 * HOUR): number | null | undefined => {
  const answer = readKeep(place(init), ALICE, NOW, max);
  return "fault" in answer ? undefined : (answer.keep?.until ?? null);
};

test("a request holds until its time, and no longer than the site allows from its last change", () => {
  assert.equal(until({}), NOW + HOUR);
  assert.equal(until({ mtime: NOW + 99 * HOUR }), NOW + 23 * HOUR);
  assert.equal(until({ mtime: NOW + 99 * HOUR, ctime: NOW - 25 * HOUR }), null);
  assert.equal(until({ mtime: NOW - 1 }), null);
  assert.equal(until({ mtime: NOW }), null);
  assert.equal(until({}, HOUR / 2), null);
  // A change that is yet to come, by a clock set back, gives no more than one of now.
  assert.equal(until({ mtime: NOW + 99 * HOUR, ctime: NOW + 50 * HOUR }), NOW + 24 * HOUR);
  assert.equal(until({ mtime: 0 }), null, "as it was made");
});

for (const [what, init, fault] of [
  ["another user's", { owner: 2002 }, /belongs to uid 2002/],
  ["root's, which is not ready yet", { owner: 0 }, /belongs to uid 0/],
  ["no link", { kind: "other" }, /not a link/],
] as const)
  test(`not a request: ${what}`, () => {
    const answer = readKeep(place(init), ALICE, NOW, 24 * HOUR);
    assert.ok("fault" in answer);
    assert.match(answer.fault, fault);
  });

test("a saved observation keeps its requests", () => {
  const seen = observation(legacyTree(500), { keeps: [{ uid: ALICE, until: NOW + HOUR }] });
  const again = parseSaved(JSON.stringify(seen));
  assert.ok("observation" in again);
  assert.deepEqual(again.observation.keeps, seen.keeps);
});
