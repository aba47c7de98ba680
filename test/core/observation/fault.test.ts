import assert from "node:assert/strict";
import test from "node:test";
import { type Fault, faultLine, isExceeded, isOfHost } from "../../../src/core/observation/fault.ts";

const faults: readonly (readonly [of: string, fault: Fault, line: string])[] = [
  ["host", { what: "list sockets", detail: "EPERM" }, "cannot list sockets: EPERM"],
  [
    "user",
    { what: "list descriptors", uid: 7, detail: "too many" },
    "cannot list descriptors of uid 7: too many",
  ],
  ["process", { what: "signal", pid: 9, detail: "refused" }, "cannot signal of process 9: refused"],
  ["process", { what: "read", pid: 9, uid: 7, detail: "x" }, "cannot read of process 9: x"],
];
for (const [of, fault, line] of faults)
  test(`a fault of a ${of}: ${line}`, () => {
    assert.equal(faultLine(fault), line);
    assert.deepEqual([isOfHost(fault), isExceeded(fault)], [of === "host", of === "user"]);
  });
