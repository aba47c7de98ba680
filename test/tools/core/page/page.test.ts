import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { anonymise } from "../../../../src/tools/core/ledger/anonymous.ts";
import { csvOf } from "../../../../src/tools/core/ledger/csv.ts";
import { summarise } from "../../../../src/tools/core/ledger/summary.ts";
import { columnsOf, lifetimesOf, medianLifetime } from "../../../../src/tools/core/page/figures.ts";
import { html } from "../../../../src/tools/core/page/html.ts";
import { reportPage } from "../../../../src/tools/core/page/page.ts";
import { ledgerRecord } from "../../../helpers/ledger-records.ts";

const at = (day: string): number => new Date(`${day}T12:00:00`).getTime();
const records = [
  ledgerRecord("2027-01-01"),
  ledgerRecord("2027-01-01", { freedKiB: 2048, unusedForSeconds: 599 }),
  ledgerRecord("2027-01-03", {
    user: "bob",
    uid: 2002,
    host: "login2",
    product: "cursor",
    unusedForSeconds: 90_000,
  }),
  ledgerRecord("2027-01-04", {
    user: "carol",
    uid: 2003,
    host: "login2",
    survivors: 2,
    unusedForSeconds: null,
  }),
];
const page = (of = records, more = {}) =>
  reportPage(of, { since: at("2026-12-31"), now: at("2027-01-05"), anonymous: false, badLines: 0, ...more });

describe("the figures", () => {
  const daysOf = (since: string) => summarise(records, at(since), at("2027-01-05")).days;
  test("say how long orphans lived, where it is known", () => {
    assert.deepEqual(
      lifetimesOf(records).map(({ trees }) => trees),
      [1, 1, 0, 0, 1, 0],
    );
    assert.deepEqual([medianLifetime(records), medianLifetime([])], [600, null]);
  });
  test("of years have columns of several days, and no tree is lost", () => {
    assert.deepEqual(columnsOf(daysOf("2026-12-31")), daysOf("2026-12-31"));
    const years = columnsOf(daysOf("2024-01-01"));
    assert.ok(years.length <= 92 && years.length > 80, String(years.length));
    const sum = (pick: (one: (typeof years)[number]) => number): number =>
      years.reduce((total, one) => total + pick(one), 0);
    assert.deepEqual([sum(({ trees }) => trees), sum(({ freedKiB }) => freedKiB)], [4, 5120]);
    assert.equal(years[0]?.day, "2024-01-01");
  });
});

describe("the page", () => {
  test("shows what the ledgers hold", () => {
    const text = page();
    for (const shown of [
      "alice",
      "login1",
      "login2",
      "cursor",
      "Trees per day",
      "5 MiB",
      "Median lifetime",
      "<b>2</b><span>hosts</span>",
      "<b>4</b><span>trees ended</span>",
    ])
      assert.ok(text.includes(shown), shown);
    assert.ok(page(records.slice(0, 1)).includes("<b>1</b><span>host</span>"));
    assert.equal(text.match(/ role="img"/g)?.length, 2 + 2, "two charts, and a small one for each host");
    assert.match(text, /<i title="2027-01-01: 2" style="height:100%"><\/i>/);
    assert.match(text, /<i title="2027-01-02: 0" class="none"><\/i>/);
    assert.match(text, /<i title="2027-01-03: 1 MiB" style="height:33.3%"><\/i>/);
    assert.match(text, /the highest: 3 MiB/);
  });
  test("asks no network for anything and runs no script", () => {
    const text = page();
    assert.doesNotMatch(text, /<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import|https?:|\bon\w+=/i);
    assert.match(text, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/);
  });
  test("hostile names are text, in tables, charts and tips", () => {
    const evil = `<script>alert(1)</script>" onload='x' &\u202e\u001b`;
    const text = page([
      ledgerRecord("2027-01-01", { user: evil, product: evil, host: evil }),
      ledgerRecord("2027-01-01", { user: evil }),
    ]);
    assert.doesNotMatch(text, /<script|onload='|"\s+onload/);
    assert.ok(!text.includes("\u202e") && !text.includes("\u001b"));
    assert.match(text, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
    assert.equal(html(`<&>"'`), "&lt;&amp;&gt;&quot;&#39;");
  });
  test("says why in sentences, and gives a code that it does not know as it is", () => {
    const text = page([
      ledgerRecord("2027-01-01", { reasonCode: "two-sweeps" }),
      ledgerRecord("2027-01-01", { reasonCode: "of-a-later-version" }),
    ]);
    for (const said of ["Two sweeps, the grace or more apart", "of-a-later-version"])
      assert.ok(text.includes(said), said);
  });
  test("an empty ledger makes a page that says so", () => {
    assert.match(page([]), /No tree was ended in this time/);
  });
  test("is well formed: every element that opens closes", () => {
    const open: string[] = [];
    for (const [, slash, name = ""] of page().matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
      if (name === "meta") continue;
      if (slash) assert.equal(open.pop(), name);
      else open.push(name);
    }
    assert.deepEqual(open, []);
  });
});

describe("anonymous records", () => {
  const hidden = anonymise([
    ...records.map((one) => ({
      ...one,
      reasons: ["/home/alice"],
      remoteHost: "alices-laptop",
      terminals: ["alice-tool"],
    })),
  ]);
  test("number the users, the one with the most trees first, and keep the numbers", () => {
    assert.deepEqual(
      hidden.map(({ user, uid }) => [user, uid]),
      [
        ["user 1", 1],
        ["user 1", 1],
        ["user 2", 2],
        ["user 3", 3],
      ],
    );
  });
  test("hold no name, address or path of a user's, in any format", () => {
    for (const text of [page(hidden, { anonymous: true }), csvOf(hidden), JSON.stringify(hidden)])
      assert.doesNotMatch(text, /alice|bob|carol|200[123]/);
  });
});
