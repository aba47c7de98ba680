import assert from "node:assert/strict";
import test from "node:test";
import { isBusyKind, KIND_NAMES } from "../../../src/core/recognition/kinds.ts";

test("agents and kernels are left alone while busy, and nothing else is", () => {
  assert.deepEqual(KIND_NAMES.filter(isBusyKind), ["agent", "kernel"]);
});
