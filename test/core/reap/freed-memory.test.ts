import assert from "node:assert/strict";
import test from "node:test";
import { freedKiBOf } from "../../../src/core/reap/freed-memory.ts";
import { proc } from "../../helpers/proc.ts";

test("freed memory is the resident memory of what was killed", () => {
  const killed = [proc({ pid: 10, rssKiB: 500 }), proc({ pid: 11, rssKiB: 300 })];
  assert.equal(freedKiBOf(killed), 800);
  assert.equal(freedKiBOf([]), 0);
});
