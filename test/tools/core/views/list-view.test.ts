import assert from "node:assert/strict";
import test from "node:test";
import type { Observation } from "../../../../src/core/observation/observation.ts";
import { localMinute } from "../../../../src/core/text/format.ts";
import type { Judgement } from "../../../../src/core/verdict/judge.ts";
import { plain } from "../../../../src/tools/core/text/shown.ts";
import { listColumns, totalsLine } from "../../../../src/tools/core/views/list-view.ts";
import { contextFor, judge } from "../../../helpers/judge.ts";
import { NO_GRACE } from "../../../helpers/policy.ts";
import { legacyTree, observation } from "../../../helpers/proc.ts";
import { judged, tag } from "../../../helpers/tagged.ts";

const tree = legacyTree(500);

const NOW = 1_700_000_000_000;
const nameOf = (): string => "alice";
const listRow = (one: Judgement, seen: Observation): string[] =>
  listColumns(seen, nameOf, plain).map(({ of }) => of(one));

test("list shows the verdict, age, CPU time, memory and why", () => {
  const seen = observation(
    tree.map((one) => ({ ...one, cpuTicks: 1083 })),
    { tags: [tag] },
  );
  assert.deepEqual(listRow(judged(seen), seen), [
    "500",
    "alice",
    "vscode",
    "reap",
    "59m55s",
    "1m5s",
    "6 MiB",
    `unused since ${localMinute(NOW - 1_800_000)}: a session of its user closed then, 30m ago, longer than its grace of 0s`,
  ]);
});

test("trees are summed up", () => {
  const young = legacyTree(600, { startTime: 3_590_000, rssKiB: 4096 });
  const seen = observation([...tree, ...young]);
  const all = judge(seen, contextFor(NO_GRACE));
  assert.equal(totalsLine(all), "2 trees, 12 processes, 30 MiB: 2 reap (30 MiB)");
});
