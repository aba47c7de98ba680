import assert from "node:assert/strict";
import test from "node:test";
import { localMinute } from "../../../../src/core/text/format.ts";
import { plain } from "../../../../src/tools/core/text/shown.ts";
import { type Status, statusLines } from "../../../../src/tools/core/views/status-view.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const timeOf = (ms: number): string => new Date(ms).toISOString();
const last = { schemaVersion: 1, at: timeOf(NOW - HOUR), survivors: 0 } as const;
const status = (more: Partial<Status> = {}): Status => ({
  schemaVersion: 1,
  host: "login1",
  now: timeOf(NOW),
  enforcing: true,
  lastSweep: { value: { ...last, lastGood: last.at, faults: [] } },
  nextSweep: { value: "Tue 2026-11-24 04:00:00 UTC" },
  trees: { reap: 1, wait: 0, spare: 2, exempt: 0, unknown: 0 },
  ownTreesOnly: false,
  memoryKiB: 1_468_006,
  orphanedKiB: 478_208,
  hookFaults: { value: 0 },
  endedSinceYesterday: { value: { trees: 3, processes: 21, survivors: 0, freedKiB: 1_258_291 } },
  faults: [],
  ...more,
});

test("status has one line per question", () => {
  assert.deepEqual(statusLines(status(), plain), [
    "login1",
    "mode        enforcing: sweeps end orphans",
    `last sweep  ${localMinute(NOW - HOUR)} (1h ago), without failure`,
    "next sweep  Tue 2026-11-24 04:00:00 UTC",
    "trees       3: 1 reap, 2 spare",
    "memory      1.4 GiB, of which orphans hold 467 MiB",
    "ended       3 trees, 21 processes, 1.2 GiB given back in 24 hours",
    "hook faults 0",
  ]);
});

test("what is wrong or not known is said as such", () => {
  const text = statusLines(
    status({
      enforcing: false,
      lastSweep: {
        value: {
          ...last,
          lastGood: null,
          faults: ["cannot read x: \u001b[2J", "cannot write the log: no space\u001b[2J"],
        },
      },
      nextSweep: { value: null },
      ownTreesOnly: true,
      hookFaults: { failed: "only root can read it" },
      faults: ["cannot read x: \u001b[2J"],
    }),
    plain,
  ).join("\n");
  assert.match(text, /^mode +observing: sweeps end nothing; to let them: vscode-grim-reaper enforce$/m);
  assert.match(text, /failed; none has succeeded yet$/m);
  assert.match(text, /^next sweep +none: the timer is not active$/m);
  assert.match(text, /^your trees /m);
  assert.match(text, /^hook faults not known: only root can read it$/m);
  assert.match(text, /^fault +cannot read x: \\x1b\[2J$/m);
  assert.match(text, /^last sweep {2}cannot write the log: no space\\x1b\[2J$/m);
  assert.equal(text.split("cannot read x").length, 2, "what is wrong now as well is said once");
});
