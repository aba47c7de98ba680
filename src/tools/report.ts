/** `report`: sums up the ledger. */

import type { Command } from "commander";
import { EXIT, Failure } from "../commands/exit.ts";
import { addConfig, collect, type Finish } from "../commands/options.ts";
import { type Common, print } from "../commands/shared.ts";
import type { LedgerRecord } from "../core/ledger/record.ts";
import { countOf } from "../core/text/format.ts";
import { escapeText, safeJson } from "../core/text/safe-text.ts";
import { loadConfig } from "../shell/config.ts";
import { writeAll } from "../shell/output/log.ts";
import { replaceFile } from "../shell/store/safe-files.ts";
import { anonymise } from "./core/ledger/anonymous.ts";
import { csvOf } from "./core/ledger/csv.ts";
import { chooseRecords, type RecordFilter, type Summary, sinceOf, summarise } from "./core/ledger/summary.ts";
import {
  dayLines,
  OFFENDER_HEAD,
  offenderRow,
  summaryDocument,
  TOTAL_COLUMNS,
  totalsLine,
  totalsRow,
} from "./core/ledger/summary-view.ts";
import { reportPage } from "./core/page/page.ts";
import { ledgerFiles, readLedger } from "./shell/read-ledger.ts";
import { countColumns, painter, renderTable } from "./shell/terminal.ts";

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
  vscode-grim-reaper report --since 2d -u alice   one user
  vscode-grim-reaper report --csv > reaps.csv     every ended tree, for a spreadsheet
  vscode-grim-reaper report --html report.html --anonymous
  vscode-grim-reaper report --file login1.jsonl --file login2.jsonl.gz

Exit status: 0 all well, even if some lines are not records; 1 a file could not be read; 64 usage; 77 not permitted;
78 bad configuration.`;

async function report(options: ReportOptions): Promise<number> {
  if ([options.json, options.csv, options.html !== undefined].filter(Boolean).length > 1)
    throw new Failure(EXIT.usage, "give only one of --json, --csv and --html");
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
    throw new Failure(EXIT.failed, 'this host keeps no ledger (ledger.file = ""); name one with --file');
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

/** Reads every file that can be read. A torn line, which a crash leaves, is counted and is not a failure. */
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
      if (one.newerLines > 0) {
        say(
          file,
          `${countOf(one.newerLines, "line")} of a newer version left out; upgrade vscode-grim-reaper here`,
        );
        failed = true;
      }
      if (one.badLines > 0) say(file, `${countOf(one.badLines, "line")} without a record left out`);
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
    print(`Nothing was ended ${from}.`);
    return;
  }
  const paint = painter();
  print(`${paint("bold", totalsLine(summary.totals))}, ${from}`);
  const tables = [
    { columns: countColumns(["PRODUCT", ...TOTAL_COLUMNS]), rows: summary.byProduct.map(totalsRow) },
    { columns: countColumns(["USER", ...TOTAL_COLUMNS]), rows: summary.byUser.map(totalsRow) },
    { columns: countColumns(["REASON", ...TOTAL_COLUMNS]), rows: summary.byReasonCode.map(totalsRow) },
    {
      columns: [...countColumns(OFFENDER_HEAD).slice(0, -1), { head: "PRODUCTS" }],
      rows: summary.offenders.map(offenderRow),
    },
  ];
  for (const { columns, rows } of tables)
    if (rows.length > 0) print(`\n${(await renderTable(columns, rows)).trimEnd()}`);
  const size = { width: process.stdout.columns ?? 80, blocks: showsBlocks() };
  print(`\n${paint("bold", "TREES PER DAY")}\n${dayLines(summary.days, size).join("\n")}`);
}

/** Tells whether this is a terminal with a UTF-8 locale, by the first variable that locale(7) names. */
function showsBlocks(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return process.stdout.isTTY === true && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
}

/** Adds the command to the program. */
export function addReport(program: Command, finish: Finish): void {
  addConfig(
    program
      .command("report")
      .description(
        "show what was ended: totals by product, user and reason, repeated cases, and a bar per day",
      )
      .option("--since <when>", "a duration such as 30d, or a date such as 2027-01-31", "30d")
      .option("-u, --user <user>", "only trees of this user, by name or uid (repeatable)", collect(String))
      .option(
        "--file <file>",
        "read this ledger, plain or compressed; - is standard input (repeatable)",
        collect(String),
      )
      .option("--json", "print JSON")
      .option("--html <file>", "write one page with charts, for a browser; - is standard output")
      .option("--anonymous", "number the users instead of naming them", false)
      .option("--csv", "print every ended tree as a line of comma-separated values", false)
      .addHelpText("after", EXAMPLES)
      .action(finish(report)),
  );
}
