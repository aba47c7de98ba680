import assert from "node:assert/strict";
import test from "node:test";
import { html, reportPage } from "../../../../src/tools/core/ledger/page.ts";
import { chooseRecords, sinceOf, summarise } from "../../../../src/tools/core/ledger/summary.ts";
import {
  type Render,
  summaryTables,
  totalsLine,
  WOULD_COLUMNS,
  wouldLine,
} from "../../../../src/tools/core/ledger/summary-view.ts";
import { ledgerRecord as reap } from "../../../helpers/ledger-records.ts";

const noon = (day: string): number => new Date(`${day}T12:00:00`).getTime();
const since = noon("2026-12-31");
const until = noon("2027-01-05");

const bob = { user: "bob", uid: 2002, product: "cursor", kind: "aged", reasonCode: "two-sweeps" } as const;
const records = [
  reap("2027-01-03", { ...bob, host: "login2" }),
  reap("2027-01-01"),
  reap("2027-01-01", { freedKiB: 2048 }),
  reap("2027-01-04", { survivors: 2, killed: 4 }),
  reap("2027-01-04", { user: "carol", uid: 2003, kind: "forced", reasonCode: "forced" }),
];
const joined: Render = (columns, rows) =>
  [columns.map(({ head }) => head), ...rows.map((row) => columns.map(({ of }) => of(row)))]
    .map((cells) => cells.join("|"))
    .join("\n");
const page = (of = records) => reportPage(summarise(of), since, until);
const EVIL = `<script>alert(1)</script>" onload='x' &\u202e\u001b[2J\n`;

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
  const said = /^Sweeps would have ended 2 trees of 2 users \(2 MiB\) since 2026-12-31 12:00$/;
  assert.match(wouldLine(chosen, since), said);
  assert.match(wouldLine([], since), /^Sweeps would have ended nothing since/);
  const shown = joined(WOULD_COLUMNS, chosen);
  assert.match(shown, /^alice\|vscode\|7\|1 MiB\|2027-01-03 10:00\|/m);
  assert.match(shown, /^bob\|cursor\|500\|1 MiB\|-\|/m);
});

test("records are chosen by time and user, put in order and counted once", () => {
  const chosen = chooseRecords([...records, ...records.slice(0, 2)], since);
  assert.deepEqual(
    chosen,
    records.toSorted((a, b) => a.epochMs - b.epochMs),
  );
  const of = (users?: string[], from = since): number => chooseRecords(records, from, users).length;
  assert.deepEqual([of(["bob"]), of(["2001"]), of(["bob", "carol"]), of(["nobody"])], [1, 3, 2, 0]);
  assert.equal(of(undefined, noon("2027-01-03")), 3);
});

test("since: durations and dates, nothing else", () => {
  const now = noon("2027-01-31");
  assert.equal(sinceOf("30d", now), now - 30 * 86_400_000);
  assert.equal(sinceOf("2027-01-01", now), new Date(2027, 0, 1).getTime());
  for (const wrong of ["", "30", "yesterday", "2027-02-30", "2027-13-01", "2027-1-1", "-3d"])
    assert.equal(sinceOf(wrong, now), null, wrong);
});

test("totals by product, user, host, reason and day: the largest first, days in their order", () => {
  const { totals, byProduct, byDay } = summarise(records);
  assert.equal(totalsLine(totals), "5 trees, 28 processes, 6 MiB given back; 2 processes survived");
  assert.deepEqual(byProduct, [
    { name: "vscode", trees: 4, processes: 22, survivors: 2, freedKiB: 5120 },
    { name: "cursor", trees: 1, processes: 6, survivors: 0, freedKiB: 1024 },
  ]);
  assert.equal(byDay[0]?.name, "2027-01-01");
  const tables = summaryTables(summarise(records), joined);
  const [head, ...products] = tables[0]?.split("\n") ?? [];
  assert.equal(head, "Product|Trees|Processes|Survived|Freed|");
  assert.deepEqual(products, [`vscode|4|22|2|5 MiB|${"#".repeat(20)}`, "cursor|1|6|0|1 MiB|#####"]);
  const rows = tables.map((table) => table.match(/^[^|]+\|\d+/gm)?.join(" "));
  assert.deepEqual(rows, [
    "vscode|4 cursor|1",
    "alice|3 bob|1 carol|1",
    "login1|4 login2|1",
    "tag-past-grace|3 forced|1 two-sweeps|1",
    "2027-01-01|2 2027-01-03|1 2027-01-04|2",
  ]);
});

test("names from a ledger reach a terminal escaped, and a page as text", () => {
  const evil = { user: EVIL, product: EVIL, host: EVIL };
  const hostile = [reap("2027-01-01", evil), reap("2027-01-01", evil)];
  const printed = summaryTables(summarise(hostile), joined).join("").replaceAll("\n", "");
  assert.doesNotMatch(printed, /\p{C}/u);
  const text = page(hostile);
  assert.doesNotMatch(text.replaceAll("\n", ""), /<script|onload='|"\s+onload|\p{C}/u);
  assert.match(text, /&#60;script&#62;alert\(1\)&#60;\/script&#62;/);
  assert.equal(html(`<&>"'`), "&#60;&#38;&#62;&#34;&#39;");
});

test("the page shows the tables with bars, and reasons as sentences", () => {
  const text = page([...records, reap("2027-01-01", { reasonCode: "of-a-later-version" })]);
  for (const shown of ["alice", "login2", "cursor", "2027-01-03", "6 trees"])
    assert.ok(text.includes(shown), shown);
  for (const said of ["Two sweeps, the grace or more apart", "of-a-later-version"])
    assert.ok(text.includes(said), said);
  for (const bar of ["#".repeat(20), "#".repeat(4)]) assert.ok(text.includes(`<td>${bar}</td>`), bar);
});

test("the page asks no network for anything, runs no script, and closes every element that it opens", () => {
  const text = page();
  assert.doesNotMatch(text, /<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import|https?:|\bon\w+=/i);
  assert.match(text, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/);
  const open: string[] = [];
  for (const [, slash, name = ""] of text.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
    if (name === "meta") continue;
    if (slash) assert.equal(open.pop(), name);
    else open.push(name);
  }
  assert.deepEqual(open, []);
});
