import assert from "node:assert/strict";
import test from "node:test";
import { chooseRecords, sinceOf, summarise } from "../../../../src/tools/core/ledger/summary.ts";
import {
  dayLines,
  offenderColumns,
  summaryDocument,
  totalsColumns,
  totalsLine,
  WOULD_COLUMNS,
  wouldLine,
} from "../../../../src/tools/core/ledger/summary-view.ts";
import type { Column } from "../../../../src/tools/core/text/shown.ts";
import { ledgerRecord as reap } from "../../../helpers/ledger-records.ts";

const noon = (day: string): number => new Date(`${day}T12:00:00`).getTime();

const bob = { user: "bob", uid: 2002, product: "cursor", kind: "aged", reasonCode: "two-sweeps" } as const;
const records = [
  reap("2027-01-03", bob),
  reap("2027-01-01"),
  reap("2027-01-01", { freedKiB: 2048 }),
  reap("2027-01-04", { survivors: 2, killed: 4 }),
  reap("2027-01-04", { user: "carol", uid: 2003, kind: "forced", reasonCode: "forced" }),
];
const since = noon("2026-12-31");
const rowsOf = <T>(columns: readonly Column<T>[], rows: readonly T[]): string[][] =>
  rows.map((row) => columns.map(({ of }) => of(row)));

test("what would have ended is counted apart, each tree once with its newest record", () => {
  const tree = { root: { pid: 7, startTime: 7 }, would: true };
  const observed = [
    reap("2027-01-03", { ...tree, unusedForSeconds: 7200 }),
    reap("2027-01-02", tree),
    reap("2027-01-02", { ...bob, would: true, unusedForSeconds: null }),
  ];
  const all = [...records, ...observed];
  assert.equal(chooseRecords(all, since).length, records.length);
  const chosen = chooseRecords(all, since, undefined, true);
  assert.match(
    wouldLine(chosen, since),
    /^Sweeps would have ended 2 trees of 2 users \(2 MiB\) since 2026-12-31 12:00;/,
  );
  assert.match(wouldLine([], since), /^Sweeps would have ended nothing since/);
  const cells = rowsOf(WOULD_COLUMNS, chosen);
  assert.deepEqual(cells.map(([user, product, pid, , unused]) => [user, product, pid, unused]).sort(), [
    ["alice", "vscode", "7", "2027-01-03 10:00"],
    ["bob", "cursor", "500", "-"],
  ]);
});

test("records are chosen by time and user, put in order and counted once", () => {
  const chosen = chooseRecords([...records, ...records.slice(0, 2)], since);
  assert.equal(chosen.length, 5);
  assert.deepEqual(
    chosen.map(({ id }) => id),
    records.map(({ id }) => id).sort(),
  );
  const of = (users?: string[], from = since): number => chooseRecords(records, from, users).length;
  assert.equal(of(["bob"]), 1);
  assert.equal(of(["2001"]), 3);
  assert.equal(of(["bob", "carol"]), 2);
  assert.equal(of(["nobody"]), 0);
  assert.equal(of(undefined, noon("2027-01-03")), 3);
});

test("totals and shares, the largest first", () => {
  const summary = summarise(records, since, noon("2027-01-05"));
  assert.deepEqual(summary.totals, { trees: 5, processes: 28, survivors: 2, freedKiB: 6144 });
  assert.deepEqual(summary.byProduct, [
    { name: "vscode", trees: 4, processes: 22, survivors: 2, freedKiB: 5120 },
    { name: "cursor", trees: 1, processes: 6, survivors: 0, freedKiB: 1024 },
  ]);
  assert.deepEqual(
    summary.byUser.map(({ name, trees }) => [name, trees]),
    [
      ["alice", 3],
      ["bob", 1],
      ["carol", 1],
    ],
  );
  assert.deepEqual(
    summary.byReasonCode.map(({ name, trees }) => [name, trees]),
    [
      ["tag-past-grace", 3],
      ["forced", 1],
      ["two-sweeps", 1],
    ],
  );
});

test("users who come back: on several days before many on one", () => {
  const busy = Array.from({ length: 9 }, () => reap("2027-01-02", bob));
  const { offenders } = summarise([...records, ...busy], since, noon("2027-01-05"));
  assert.deepEqual(
    offenders.map(({ user, trees, days }) => [user, trees, days]),
    [
      ["bob", 10, 2],
      ["alice", 3, 2],
    ],
  );
  assert.deepEqual(rowsOf(offenderColumns("User"), offenders)[0], ["bob", "10", "2", "10 MiB", "cursor"]);
  const crowd = Array.from({ length: 40 }, (_, i) => reap("2027-01-01", { user: `u${i % 20}` }));
  assert.equal(summarise(crowd, since, noon("2027-01-01")).offenders.length, 10);
});

test("every day is there, quiet ones as well, also across a change of the clock", () => {
  const { days } = summarise(records, since, noon("2027-01-05"));
  assert.deepEqual(
    days.map(({ day, trees }) => [day.slice(5), trees]),
    [
      ["12-31", 0],
      ["01-01", 2],
      ["01-02", 0],
      ["01-03", 1],
      ["01-04", 2],
      ["01-05", 0],
    ],
  );
  const year = summarise([], noon("2027-01-01"), noon("2027-12-31")).days;
  assert.equal(new Set(year.map(({ day }) => day)).size, 365);
  // A record of a host whose clock is ahead is shown all the same.
  const ahead = summarise([reap("2027-01-09")], since, noon("2027-01-05"));
  assert.deepEqual(ahead.days.at(-1), { day: "2027-01-09", trees: 1, freedKiB: 1024 });
});

test("since: durations and dates, nothing else", () => {
  const now = noon("2027-01-31");
  assert.equal(sinceOf("30d", now), now - 30 * 86_400_000);
  assert.equal(sinceOf("2027-01-01", now), new Date(2027, 0, 1).getTime());
  for (const wrong of ["", "30", "yesterday", "2027-02-30", "2027-13-01", "2027-1-1", "-3d"])
    assert.equal(sinceOf(wrong, now), null, wrong);
});

test("bars fill the width and never more; a single tree has at least a sign", () => {
  const days = [
    { day: "2027-01-01", trees: 1000 },
    { day: "2027-01-02", trees: 500 },
    { day: "2027-01-03", trees: 1 },
    { day: "2027-01-04", trees: 0 },
  ];
  assert.deepEqual(dayLines(days, { width: 36, blocks: false }), [
    "2027-01-01 1000 ####################",
    "2027-01-02  500 ##########",
    "2027-01-03    1 #",
  ]);
  assert.deepEqual(dayLines(days, { width: 27, blocks: true }), [
    "2027-01-01 1000 ███████████",
    "2027-01-02  500 █████▌",
    "2027-01-03    1 ▏",
  ]);
  for (const width of [24, 80, 200])
    for (const line of dayLines(days, { width, blocks: true })) assert.ok([...line].length <= width, line);
  assert.deepEqual(dayLines([{ day: "2027-01-01", trees: 0 }], { width: 80, blocks: false }), []);
});

test("names from a ledger reach a terminal escaped", () => {
  const evil = reap("2027-01-01", { user: "a\u001b[2J\n", product: "\u202ex" });
  const summary = summarise([evil, { ...evil, id: `${evil.id}x` }], since, noon("2027-01-01"));
  const printed = [
    ...rowsOf(totalsColumns("USER"), [...summary.byUser, ...summary.byProduct]),
    ...rowsOf(offenderColumns("User"), summary.offenders),
  ];
  assert.doesNotMatch(printed.flat().join(""), /\p{C}/u);
});

test("what stands above the tables, and the document for programs", () => {
  const summary = summarise(records, since, noon("2027-01-05"));
  assert.equal(totalsLine(summary.totals), "5 trees, 28 processes, 6 MiB given back; 2 processes survived");
  const document = summaryDocument(summary, { files: ["/a"], badLines: 3, since });
  assert.equal(document.schemaVersion, 1);
  assert.equal(document.badLines, 3);
  assert.deepEqual(document.totals, summary.totals);
});
