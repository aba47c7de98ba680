import assert from "node:assert/strict";
import { test } from "node:test";
import type { Keep } from "../../../src/core/observation/observation.ts";
import { keptBy } from "../../../src/core/verdict/kept.ts";
import { ALICE } from "../../helpers/proc.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const keep = (hours: number | null, uid = ALICE): Keep => ({
  uid,
  pid: 9,
  startTime: 9,
  until: hours === null ? null : NOW + hours * HOUR,
});

/** Which requests, the site's limit and the time since the mark in hours; until when the tree is kept. */
const rows: readonly (readonly [string, Keep[], number, number, number | "unknown" | null])[] = [
  ["no request", [], 24, 0, null],
  ["another user's", [keep(8, 2002)], 24, 0, null],
  ["one, for a tree that is not an orphan yet", [keep(8)], 24, 0, 8],
  ["the longest of several", [keep(2), keep(8), keep(4)], 24, 0, 8],
  ["longer than the limit, for a tree that is not an orphan yet", [keep(48)], 24, 0, 24],
  ["longer than the limit, for an orphan", [keep(48)], 24, 1, 23],
  ["for an orphan, within the limit", [keep(8)], 24, 1, 8],
  ["an orphan for as long as the limit", [keep(8)], 24, 24, null],
  ["a site that refuses", [keep(8)], 0, 0, null],
  ["a time that has passed, of a process that lives", [keep(-1)], 24, 0, "unknown"],
  ["an unreadable time", [keep(8), keep(null)], 24, 1, "unknown"],
];
for (const [what, keeps, max, marked, until] of rows)
  test(`a kept tree: ${what}`, () => {
    const kept = keptBy(ALICE, { keeps, takenAt: NOW }, (max - marked) * HOUR);
    const expected = until === null ? null : { until: until === "unknown" ? null : NOW + until * HOUR };
    assert.deepEqual(kept, expected);
  });
