import assert from "node:assert/strict";
import { test } from "node:test";
import { keepsIn } from "../../../src/core/observation/keep.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { ALICE, proc, TICKS, UPTIME } from "../../helpers/proc.ts";

const PROGRAM = "/usr/libexec/vscode-grim-reaper/keep";
const NOW = 1_700_000_000_000;
/** Ten seconds before the look. */
const startTime = ((UPTIME - 10_000) / 1000) * TICKS;
const genuine = { pid: 500, startTime, exe: PROGRAM, argv: [PROGRAM, "3600"], foreignMntNs: false };

const rows: readonly (readonly [string, Partial<Proc>, number | null | undefined])[] = [
  ["root's program", {}, NOW + 3_590_000],
  ["one that an upgrade replaced", { exe: `${PROGRAM} (deleted)` }, NOW + 3_590_000],
  ["one whose mount namespace cannot be read", { foreignMntNs: null }, NOW + 3_590_000],
  ["one with another command line", { argv: ["keep", "-5"] }, null],
  ["one that hides its command line", { argv: [], argvStatus: "empty" }, null],
  ["another program", { exe: "/home/alice/keep" }, undefined],
  ["a longer path", { exe: `/home/alice${PROGRAM}` }, undefined],
  ["that path in another user namespace", { foreignUserNs: true }, undefined],
  ["that path in another mount namespace", { foreignMntNs: true }, undefined],
  ["a process whose program cannot be read", { exe: null }, undefined],
];
for (const [what, changes, until] of rows)
  test(`${what} is ${until === undefined ? "no request" : "a request"} to keep`, () => {
    const process = proc({ ...genuine, ...changes });
    const found = keepsIn(
      { processes: [process], takenAt: NOW, uptime: UPTIME, ticksPerSecond: TICKS },
      PROGRAM,
    );
    assert.deepEqual(found, until === undefined ? [] : [{ uid: ALICE, pid: 500, startTime, until }]);
  });
