/** `report`: what the ledger amounts to. */

import type { Command } from "commander";
import { anonymise } from "../core/ledger/anonymous.ts";
import { csvOf } from "../core/ledger/csv.ts";
import type { LedgerRecord } from "../core/ledger/record.ts";
import {
  chooseRecords,
  type RecordFilter,
  type Summary,
  sinceOf,
  summarise,
} from "../core/ledger/summary.ts";
import {
  dayLines,
  OFFENDER_HEAD,
  offenderRow,
  summaryDocument,
  TOTAL_COLUMNS,
  totalsLine,
  totalsRow,
} from "../core/ledger/summary-view.ts";
import { reportPage } from "../core/page/page.ts";
import { escapeText, safeJson } from "../core/text/safe-text.ts";
import { loadConfig } from "../shell/config.ts";
import { writeAll } from "../shell/output/log.ts";
import { painter, renderTable } from "../shell/output/terminal.ts";
import { ledgerFiles, readLedger } from "../shell/store/ledger.ts";
import { replaceFile } from "../shell/store/safe-files.ts";
import { EXIT, Failure } from "./exit.ts";
import { addConfig, collect, type Finish } from "./options.ts";
import { type Common, print } from "./shared.ts";

interface ReportOptions extends Common {
  readonly since: string;
  readonly csv: boolean;
  readonly html?: string;
  readonly anonymous: boolean;
  readonly file?: readonly string[];
}

interface Read {
  readonly files: readonly string[];
  readonly records: readonly LedgerRecord[];
  readonly badLines: number;
  readonly failed: boolean;
}

const EXAMPLES = `
Examples:
  vscode-grim-reaper report                       the last 30 days
  vscode-grim-reaper report --since 2027-01-01    from a day on
  vscode-grim-reaper report --since 2d -u alice   one user's
  vscode-grim-reaper report --csv > reaps.csv     every reap, for a spreadsheet
  vscode-grim-reaper report --html report.html --anonymous
  vscode-grim-reaper report --file login1.jsonl --file login2.jsonl.gz

Exit status: 0 all well, also with lines that hold no record; 1 a file could not be read; 64 usage; 77 not permitted;
78 bad configuration.`;

async function report(options: ReportOptions): Promise<number> {
  if ([options.json, options.csv, options.html !== undefined].filter(Boolean).length > 1)
    throw new Failure(EXIT.usage, "--json, --csv and --html exclude each other");
  const now = Date.now();
  const since = sinceOf(options.since, now);
  if (since === null)
    throw new Failure(
      EXIT.usage,
      `--since ${escapeText(options.since)}: give a duration such as 30d, or a date such as 2027-01-31`,
    );
  const read = readAll(filesOf(options));
  const filter: RecordFilter = { since, users: options.user ?? null };
  const chosen = chooseRecords(read.records, filter);
  const records = options.anonymous ? anonymise(chosen) : chosen;
  const summary = summarise(records, filter, now);
  if (options.csv) print(csvOf(records).slice(0, -1));
  else if (options.html !== undefined)
    writePage(options.html, reportPage(records, { ...read, since, now, anonymous: options.anonymous }));
  else if (options.json) print(safeJson(summaryDocument(summary, { ...read, since })));
  else await show(summary, since);
  return read.failed ? EXIT.failed : EXIT.ok;
}

/** Writes the page by rename. Guard: a link that a user put in its place is replaced, and not followed. */
function writePage(file: string, page: string): void {
  if (file === "-") {
    print(page.trimEnd());
    return;
  }
  try {
    replaceFile(file, page, 0o666 & ~process.umask());
  } catch (error) {
    throw new Failure(EXIT.failed, escapeText(`cannot write ${file}: ${(error as Error).message}`));
  }
}

function filesOf(options: ReportOptions): readonly string[] {
  if (options.file) return options.file;
  const { file } = loadConfig(options.config ?? null).policy.ledger;
  if (file === "")
    throw new Failure(EXIT.failed, 'no ledger is kept here (ledger.file = ""); name one with --file');
  try {
    return ledgerFiles(file);
  } catch (error) {
    throw unreadable(file, error) ?? new Failure(EXIT.failed, `${file}: ${(error as Error).message}`);
  }
}

function unreadable(file: string, error: unknown): Failure | null {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "EACCES" && code !== "EPERM") return null;
  return new Failure(EXIT.denied, `${file}: only root may read the ledger; run it with sudo`);
}

/** Every file that can be read. A torn line is what a crash leaves: it is counted, and no failure. */
function readAll(files: readonly string[]): Read {
  const records: LedgerRecord[] = [];
  let badLines = 0;
  let failed = false;
  const say = (file: string, what: string): void =>
    writeAll(2, `vscode-grim-reaper: ${escapeText(`${file}: ${what}`)}\n`);
  for (const file of files) {
    try {
      const one = readLedger(file);
      for (const record of one.records) records.push(record);
      badLines += one.badLines;
      if (one.badLines > 0) say(file, `${one.badLines} line(s) hold no record and were left out`);
    } catch (error) {
      const denied = unreadable(file, error);
      if (denied) throw denied;
      say(file, `cannot be read: ${(error as Error).message}`);
      failed = true;
    }
  }
  return { files, records, badLines, failed };
}

async function show(summary: Summary, since: number): Promise<void> {
  const from = `since ${new Date(since).toISOString().slice(0, 16)}Z`;
  if (summary.totals.trees === 0) {
    print(`No reap ${from}.`);
    return;
  }
  const paint = painter();
  print(`${paint("bold", totalsLine(summary.totals))}, ${from}`);
  const tables = [
    { head: ["PRODUCT", ...TOTAL_COLUMNS], rows: summary.byProduct.map(totalsRow) },
    { head: ["USER", ...TOTAL_COLUMNS], rows: summary.byUser.map(totalsRow) },
    { head: ["REASON", ...TOTAL_COLUMNS], rows: summary.byReason.map(totalsRow) },
    { head: OFFENDER_HEAD, rows: summary.offenders.map(offenderRow) },
  ];
  for (const { head, rows } of tables)
    if (rows.length > 0) print(`\n${(await renderTable(head, rows)).trimEnd()}`);
  const size = { width: process.stdout.columns ?? 80, blocks: showsBlocks() };
  print(`\n${paint("bold", "TREES A DAY")}\n${dayLines(summary.days, size).join("\n")}`);
}

/** A terminal whose locale is UTF-8, by the first of the variables that locale(7) asks. */
function showsBlocks(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return process.stdout.isTTY === true && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
}

export function addReport(program: Command, finish: Finish): void {
  addConfig(
    program
      .command("report")
      .description("what was ended: totals by product, user and reason, who comes back, and a bar a day")
      .option("--since <when>", "a duration (30d) or a date (2027-01-31)", "30d")
      .option("-u, --user <user>", "only this user's trees, by name or uid (repeatable)", collect(String))
      .option(
        "--file <file>",
        "this ledger, plain or compressed; - is standard input (repeatable)",
        collect(String),
      )
      .option("--json", "as JSON", false)
      .option("--html <file>", "as one page with charts, for a browser; - is standard output")
      .option("--anonymous", "number the users instead of naming them", false)
      .option("--csv", "every reap as a line of comma separated values", false)
      .addHelpText("after", EXAMPLES)
      .action(finish(report)),
  );
}
