/** The report as one HTML page: nothing in it asks a network for anything, and no script runs. */

import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import { countOf, formatMemory, localDate, localMinute } from "../../../core/text/format.ts";
import { groupBy } from "../../../core/text/group-by.ts";
import { REASON_CODES } from "../../../core/verdict/reason-codes.ts";
import { type Day, type Summary, summarise } from "../ledger/summary.ts";
import { FREED, numbers, offenderColumns, TREES, totalsColumns } from "../ledger/summary-view.ts";
import { columnsOf, daysPerColumn, lifetimesOf, medianLifetime } from "./figures.ts";
import { type Bar, barColumn, columns, type HtmlColumn, html, table } from "./html.ts";
import { STYLE } from "./style.ts";

export interface PageOptions {
  readonly since: number;
  /** When the page is made; the last day that it shows. */
  readonly now: number;
  /** Users are numbered; the page says so. */
  readonly anonymous: boolean;
  /** Lines of the ledgers that hold no record. */
  readonly badLines: number;
}

const TITLE = "Server trees that nobody used";

const section = (title: string, ...parts: readonly string[]): string =>
  `<section><h2>${html(title)}</h2>\n${parts.join("\n")}\n</section>`;

/** "1", "host": a number and its noun, which stand apart. */
const counted = (...args: Parameters<typeof countOf>): string[] => countOf(...args).split(" ");

const largest = (values: readonly number[]): number => values.reduce((most, one) => Math.max(most, one), 0);

/** Makes the page. `records` are those of the filter, each once. */
export function reportPage(records: readonly LedgerRecord[], options: PageOptions): string {
  const { since, now } = options;
  const summary = summarise(records, since, now);
  const { totals } = summary;
  const byHost = [...groupBy(records, ({ host }) => host)].sort(([a], [b]) => (a < b ? -1 : 1));
  const keyFigures = [
    [...counted(totals.trees, "tree"), "ended"],
    [formatMemory(totals.freedKiB), "of memory given back"],
    counted(summary.byUser.length, "user"),
    counted(byHost.length, "host"),
    ...(totals.survivors > 0 ? [[...counted(totals.survivors, "process", "processes"), "survived"]] : []),
  ];
  const sections =
    totals.trees === 0
      ? [section("Nothing was ended", "<p>No tree was ended in this time.</p>")]
      : [
          ...overTime(summary.days),
          section("By product", byName("Product", summary.byProduct)),
          lifetimes(records),
          hosts(byHost, options),
          comesBack(summary.offenders),
          section("Why", byName("Reason", summary.byReasonCode.map(withMeaning))),
        ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>${TITLE}</title>
<style>
${STYLE}
</style>
</head>
<body>
<main>
<h1>${TITLE}</h1>
<p>${html(
    period(
      byHost.map(([host]) => host),
      options,
    ),
  )}</p>
<div class="key">${keyFigures.map(([value, ...name]) => `<div><b>${value}</b><span>${name.join(" ")}</span></div>`).join("")}</div>
${sections.join("\n")}
</main>
</body>
</html>
`;
}

function period(names: readonly string[], { since, now, anonymous, badLines }: PageOptions): string {
  const parts = [
    `${localDate(new Date(since))} to ${localDate(new Date(now))}`,
    ...(names.length > 0 ? [names.join(", ")] : []),
    `made ${localMinute(now)} by vscode-grim-reaper`,
    ...(anonymous ? ["users are numbered"] : []),
    ...(badLines > 0 ? [`${countOf(badLines, "line")} of the ledgers without a record`] : []),
  ];
  return `${parts.join(" · ")}.`;
}

/** A reason as a sentence; a code of a later version as it is. */
function withMeaning(row: Summary["byReasonCode"][number]): Summary["byReasonCode"][number] {
  const found = Object.entries(REASON_CODES).find(([code]) => code === row.name);
  return { ...row, name: found?.[1].meaning.replaceAll("`", "") ?? row.name };
}

function byName(title: string, rows: Summary["byProduct"]): string {
  const most = largest(rows.map(({ trees }) => trees));
  const [name, ...numbers] = totalsColumns(title);
  return table(name === undefined ? [] : [name, barColumn(most), ...numbers], rows);
}

type Pick = (one: Day) => number;
type Format = (value: number) => string;

const barsOf = (days: readonly Day[], pick: Pick, format: Format): Bar[] =>
  days.map((one) => ({ value: pick(one), tip: `${one.day}: ${format(pick(one))}` }));

function overTime(days: readonly Day[]): string[] {
  const per = daysPerColumn(days.length);
  const unit = per === 1 ? "per day" : `per ${per} days`;
  const all = columnsOf(days);
  const chart = (title: string, pick: Pick, format: Format, ...more: readonly string[]): string => {
    const most = largest(all.map(pick));
    const [first, last] = [all[0]?.day ?? "", all.at(-1)?.day ?? ""];
    const scale = [first, `the highest: ${format(most)}`, last]
      .map((text) => `<span>${text}</span>`)
      .join("");
    const bars = columns("chart", `${title} ${unit}`, barsOf(all, pick, format), most);
    return section(`${title} ${unit}`, bars, `<p class="scale">${scale}</p>`, ...more);
  };
  const figures = table<Day>([{ head: "From", of: ({ day }) => day }, TREES, FREED], all);
  return [
    chart("Trees", ({ trees }) => trees, String),
    chart(
      "Memory given back",
      ({ freedKiB }) => freedKiB,
      formatMemory,
      `<details><summary>The numbers</summary>${figures}</details>`,
    ),
  ];
}

function lifetimes(records: readonly LedgerRecord[]): string {
  const all = lifetimesOf(records);
  const most = largest(all.map(({ trees }) => trees));
  return section(
    "How long orphans lived",
    "<p>From the end of the session, or the first look that found no client, to the end of the tree.</p>",
    table([{ head: "Time", of: ({ label }) => label }, barColumn(most), TREES], all),
  );
}

function hosts(byHost: readonly (readonly [string, readonly LedgerRecord[]])[], at: PageOptions): string {
  const rows = byHost.map(([host, records]) => {
    const { totals, byUser, days } = summarise(records, at.since, at.now);
    return { host, ...totals, users: byUser.length, days: columnsOf(days), median: medianLifetime(records) };
  });
  const most = largest(rows.flatMap(({ days }) => days.map(({ trees }) => trees)));
  const overTime = (days: readonly Day[]): Bar[] => barsOf(days, ({ trees }) => trees, String);
  const inWords = (seconds: number | null): string =>
    seconds === null ? "–" : formatDuration(seconds * 1000);
  const all: readonly HtmlColumn<(typeof rows)[number]>[] = [
    { head: "Host", of: ({ host }) => host },
    { head: "Over time", draw: ({ host, days }) => columns("spark", host, overTime(days), most) },
    TREES,
    numbers("Users", ({ users }) => users),
    FREED,
    { head: "Median lifetime", right: true, of: ({ median }) => inWords(median) },
  ];
  return section("Hosts", table(all, rows));
}

const comesBack = (offenders: Summary["offenders"]): string =>
  section(
    "Who comes back",
    offenders.length === 0
      ? "<p>No user had more than one tree ended.</p>"
      : table(offenderColumns("User"), offenders),
  );
