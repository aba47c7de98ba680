/** The report as one HTML page: nothing in it asks a network for anything, and no script runs. */

import { REASONS } from "../../../core/evidence/reasons.ts";
import { localMinute } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { GroupTotals, Summary } from "./summary.ts";
import { type Render, summaryTables, totalsLine } from "./summary-view.ts";

/** Makes text safe inside HTML. Guard: product, user and host names are chosen by others. */
export function html(text: string): string {
  return escapeText(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const table: Render = (columns, rows) => {
  const line = (tag: "th" | "td", cellOf: (column: (typeof columns)[number]) => string): string =>
    `<tr>${columns.map((one) => `<${tag}${one.right ? ' class="n"' : ""}>${cellOf(one)}</${tag}>`).join("")}</tr>`;
  const head = line("th", (column) => html(column.head));
  const body = rows.map((row) => line("td", ({ of }) => html(of(row))));
  return `<table><thead>${head}</thead><tbody>\n${body.join("\n")}\n</tbody></table>`;
};

const MEANINGS: Readonly<Record<string, string>> = Object.assign({}, ...Object.values(REASONS));

/** A reason as a sentence; a code of a later version as it is. */
const withMeaning = (row: GroupTotals): GroupTotals => ({
  ...row,
  name: (MEANINGS[row.name] ?? row.name).replaceAll("`", ""),
});

const STYLE = `:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 2rem 0 }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid }
.n { text-align: right; white-space: nowrap }`;

const TITLE = "Server trees that nobody used";

/** Makes the page. */
export function reportPage(summary: Summary, since: number, now: number): string {
  const shown = { ...summary, byReasonCode: summary.byReasonCode.map(withMeaning) };
  const period = `${localMinute(since)} to ${localMinute(now)}: ${totalsLine(summary.totals)}.`;
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
<h1>${TITLE}</h1>
<p>${html(period)}</p>
${summaryTables(shown, table).join("\n")}
</body>
</html>
`;
}
