/** `report`: sums up the ledger. */

import { Option } from "commander";
import { type Common, complain, print, printJson } from "../commands/shared.ts";
import type { LedgerRecord } from "../core/ledger/record.ts";
import { countOf, localMinute } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { replaceFile } from "../shell/store/safe-files.ts";
import { reportPage } from "./core/ledger/page.ts";
import { chooseRecords, type Summary, sinceOf, summarise } from "./core/ledger/summary.ts";
import { summaryTables, totalsLine, WOULD_COLUMNS, wouldLine } from "./core/ledger/summary-view.ts";
import { argument, CONFIG, collect, commandOf, USERS } from "./options.ts";
import { ledgerFiles, readLedger } from "./shell/read-ledger.ts";
import { painter, renderTable } from "./shell/terminal.ts";

interface ReportOptions extends Common {
  readonly since?: number;
  readonly would: boolean;
  readonly html?: string;
  readonly file?: readonly string[];
}

const EXAMPLES = `
Examples:
  vscode-grim-reaper report --since 2027-01-01   from a day on
  vscode-grim-reaper report --since 2d -u alice  one user
  vscode-grim-reaper report --html report.html   a page for a browser
  vscode-grim-reaper report --file login1.jsonl --file login2.jsonl.gz`;

async function report(options: ReportOptions): Promise<number> {
  const { json, html, would } = options;
  const now = Date.now();
  const since = options.since ?? now - 30 * 86_400_000;
  const files = options.file ?? ledgerFiles(loadConfig(options.config ?? null).policy.ledger.file);
  const { records: all, badLines, failed } = readAll(files);
  const records = chooseRecords(all, since, options.user, would);
  const summary = summarise(records);
  if (html !== undefined) writePage(html, reportPage(summary, since, now));
  else if (json)
    printJson({ schemaVersion: 1, since: new Date(since).toISOString(), files, badLines, ...summary });
  else if (would) {
    print(painter()("bold", wouldLine(records, since)));
    if (records.length > 0) print(`\n${renderTable(WOULD_COLUMNS, records)}`);
  } else show(summary, since);
  return failed ? EXIT.failed : EXIT.ok;
}

/** Writes the page by rename. Guard: a link that a user put in its place is replaced, and not followed. */
function writePage(file: string, page: string): void {
  try {
    replaceFile(file, page, 0o600);
  } catch (error) {
    throw new Failure(EXIT.failed, escapeText(`cannot write ${file}: ${(error as Error).message}`));
  }
}

/** Reads every file that can be read. A torn line, which a crash leaves, is counted and is not a failure. */
function readAll(files: readonly string[]) {
  const records: LedgerRecord[] = [];
  let badLines = 0;
  let failed = false;
  const fail = (line: string): void => {
    complain(line);
    failed = true;
  };
  for (const file of files) {
    try {
      const one = readLedger(file);
      for (const record of one.records) records.push(record);
      badLines += one.badLines;
      const [newer, bad] = [countOf(one.newerLines, "line"), countOf(one.badLines, "line")];
      if (one.badLines > 0) complain(`${file}: ${bad} without a record left out`);
      if (one.newerLines > 0)
        fail(`${file}: ${newer} of a newer version left out; upgrade vscode-grim-reaper here`);
    } catch (error) {
      const { status, message } = error as Failure;
      if (status === EXIT.denied) throw error;
      fail(message);
    }
  }
  return { records, badLines, failed };
}

function show(summary: Summary, since: number): void {
  const from = `since ${localMinute(since)}`;
  if (summary.totals.trees === 0) print(`Nothing was ended ${from}.`);
  else {
    print(`${painter()("bold", totalsLine(summary.totals))}, ${from}`);
    for (const table of summaryTables(summary, renderTable)) print(`\n${table}`);
  }
}

export const reportCommand = commandOf(
  "report",
  "show what was ended: totals by product, user, host, reason and day",
  report,
)
  .option(
    "--since <when>",
    "a duration, or a date such as 2027-01-31 (default: 30d)",
    argument(
      (text) => sinceOf(text, Date.now()),
      "Give a duration such as 30d, or a date such as 2027-01-31.",
    ),
  )
  .addOption(USERS)
  .option(
    "--file <file>",
    "read this ledger, plain or compressed; - is standard input (repeatable)",
    collect(String),
  )
  .option("--would", "show the trees that sweeps would have ended while they only observed", false)
  .addOption(new Option("--json", "print JSON").conflicts("html"))
  .addOption(
    new Option("--html <file>", "write one page of what was ended, for a browser").conflicts("would"),
  )
  .addOption(CONFIG)
  .addHelpText("after", EXAMPLES);
