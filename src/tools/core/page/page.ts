/** The report as one HTML page: nothing in it asks a network for anything, and no script runs. */

import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import { countOf, formatMemory, localDate, localMinute } from "../../../core/text/format.ts";
import { REASON_CODES } from "../../../core/verdict/reason-codes.ts";
import { type RecordFilter, summarise } from "../ledger/summary.ts";
import { type Figures, figuresOf } from "./figures.ts";
import { STYLE } from "./style.ts";
import { type Bar, columnChart, html, rowChart, sparkline } from "./svg.ts";

export interface PageOptions {
  readonly since: number;
  /** When the page is made; the last day that it shows. */
  readonly now: number;
  /** Users are numbered; the page says so. */
  readonly anonymous: boolean;
  /** Lines of the ledgers that hold no record. */
  readonly badLines: number;
}

type Cell = string | number;
const isNumeric = (cell: Cell | undefined): boolean => typeof cell === "number" || /^\d/.test(cell ?? "");

/** A table whose cells are text; those of `drawn` are SVG and are put in as they are. */
function table(head: readonly string[], rows: readonly (readonly Cell[])[], drawn = -1): string {
  const mark = (i: number): string => (i > 0 && isNumeric(rows[0]?.[i]) ? ' class="n"' : "");
  const cells = (row: readonly Cell[], tag: string): string =>
    row
      .map(
        (cell, i) => `<${tag}${mark(i)}>${i === drawn && tag === "td" ? cell : html(String(cell))}</${tag}>`,
      )
      .join("");
  const body = rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n");
  return `<div class="scroll"><table><thead><tr>${cells(head, "th")}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

const numbers = (head: readonly string[], rows: readonly (readonly Cell[])[]): string =>
  `<details><summary>The numbers</summary>${table(head, rows)}</details>`;

function section(title: string, ...parts: readonly string[]): string {
  return `<section><h2>${html(title)}</h2>\n${parts.join("\n")}\n</section>`;
}

/** Makes the page. `records` are those of the filter, each once. */
export function reportPage(records: readonly LedgerRecord[], options: PageOptions): string {
  const { since, now } = options;
  const filter: RecordFilter = { since, users: null };
  const summary = summarise(records, filter, now);
  const figures = figuresOf(records, since, now);
  const { totals } = summary;
  const share = (rows: typeof summary.byProduct): Cell[][] =>
    rows.map((row) => [row.name, row.trees, row.processes, formatMemory(row.freedKiB)]);
  const keyFigures = [
    [totals.trees, "trees ended"],
    [formatMemory(totals.freedKiB), "of memory given back"],
    [figures.users, "users"],
    [figures.hosts.length, "hosts"],
    ...(totals.survivors > 0 ? [[totals.survivors, "processes survived"]] : []),
  ];
  const body = [
    `<h1>Server trees that nobody used</h1>`,
    `<p>${html(period(figures, options))}</p>`,
    `<div class="key">${keyFigures.map(([value, name]) => `<div><b>${html(String(value))}</b><span>${html(String(name))}</span></div>`).join("")}</div>`,
    ...(totals.trees === 0
      ? [section("Nothing was ended", "<p>No tree was ended in this time.</p>")]
      : [
          ...overTime(figures),
          section(
            "By product",
            rowChart("Trees by product", barsOf(summary.byProduct)),
            numbers(["Product", "Trees", "Processes", "Memory"], share(summary.byProduct)),
          ),
          lifetimes(figures),
          hosts(figures),
          comesBack(summary.offenders),
          section(
            "Why",
            table(
              ["Reason", "Trees", "Processes", "Memory"],
              share(summary.byReasonCode.map((row) => ({ ...row, name: meaningOf(row.name) }))),
            ),
          ),
        ]),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>Server trees that nobody used</title>
<style>
${STYLE}
</style>
</head>
<body>
<main>
${body.join("\n")}
</main>
</body>
</html>
`;
}

function period({ hosts: all }: Figures, { since, now, anonymous, badLines }: PageOptions): string {
  const parts = [
    `${localDate(new Date(since))} to ${localDate(new Date(now))}`,
    ...(all.length > 0 ? [all.map(({ host }) => host).join(", ")] : []),
    `made ${localMinute(now)} by vscode-grim-reaper`,
    ...(anonymous ? ["users are numbered"] : []),
    ...(badLines > 0 ? [`${countOf(badLines, "line")} of the ledgers without a record`] : []),
  ];
  return `${parts.join(" · ")}.`;
}

/** A reason as a sentence; a code of a later version as it is. */
function meaningOf(code: string): string {
  const found = Object.entries(REASON_CODES).find(([name]) => name === code);
  return found?.[1].meaning.replaceAll("`", "") ?? code;
}

const barsOf = (
  rows: readonly { readonly name: string; readonly trees: number; readonly freedKiB: number }[],
): Bar[] =>
  rows.map(({ name, trees, freedKiB }) => ({
    label: name,
    value: trees,
    shown: `${trees}, ${formatMemory(freedKiB)}`,
  }));

function overTime({ columns, daysPerColumn }: Figures): string[] {
  const per = daysPerColumn === 1 ? "per day" : `per ${daysPerColumn} days`;
  const bars = (pick: (one: (typeof columns)[number]) => number, format: (value: number) => string): Bar[] =>
    columns.map((one) => ({ label: one.from, value: pick(one), shown: format(pick(one)) }));
  const kib = (value: number): string => formatMemory(Math.round(value));
  return [
    section(
      `Trees ${per}`,
      columnChart(
        `Trees ${per}`,
        bars(({ trees }) => trees, String),
        String,
        10,
      ),
    ),
    section(
      `Memory given back ${per}`,
      columnChart(
        `Memory given back ${per}`,
        bars(({ freedKiB }) => freedKiB, kib),
        kib,
        2,
      ),
      numbers(
        ["From", "Trees", "Memory"],
        columns.map(({ from, trees, freedKiB }) => [from, trees, kib(freedKiB)]),
      ),
    ),
  ];
}

function lifetimes({ lifetimes: all }: Figures): string {
  const bars = all.map(({ label, trees }) => ({ label, value: trees, shown: String(trees) }));
  return section(
    "How long orphans lived",
    "<p>From the end of the session, or the first look that found no client, to the end of the tree.</p>",
    rowChart("Trees by the time that they lived as orphans", bars),
  );
}

function hosts({ hosts: all }: Figures): string {
  const most = all.flatMap(({ columns }) => columns).reduce((max, value) => Math.max(max, value), 0);
  const rows = all.map(({ host, trees, freedKiB, users, medianSeconds, columns }) => [
    host,
    sparkline(`Trees of ${host} over time`, columns, most),
    trees,
    users,
    formatMemory(freedKiB),
    medianSeconds === null ? "–" : formatDuration(medianSeconds * 1000),
  ]);
  return section(
    "Hosts",
    table(["Host", "Over time", "Trees", "Users", "Memory", "Half lived longer than"], rows, 1),
  );
}

function comesBack(offenders: ReturnType<typeof summarise>["offenders"]): string {
  if (offenders.length === 0)
    return section("Who comes back", "<p>No user had more than one tree ended.</p>");
  return section(
    "Who comes back",
    table(
      ["User", "Trees", "Days", "Memory", "Products"],
      offenders.map(({ user, trees, days, freedKiB, products }) => [
        user,
        trees,
        days,
        formatMemory(freedKiB),
        products.join(", "),
      ]),
    ),
  );
}
