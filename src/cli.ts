/** The command line: what each command takes, and the exit status. Only this file connects everything. */

import { Command, CommanderError, Help, type Option } from "commander";
import { addCheckConfig } from "./commands/check-config.ts";
import { addClean } from "./commands/clean.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEnd } from "./commands/end.ts";
import { EXIT, Failure } from "./commands/exit.ts";
import { addExplain } from "./commands/explain.ts";
import { addKeep } from "./commands/keep.ts";
import { addList } from "./commands/list.ts";
import type { Finish } from "./commands/options.ts";
import { addReplay } from "./commands/replay.ts";
import { addReport } from "./commands/report.ts";
import { addRunNotify } from "./commands/run-notify.ts";
import { addSnapshot } from "./commands/snapshot.ts";
import { addStatus } from "./commands/status.ts";
import { addSweep } from "./commands/sweep.ts";
import { nearest } from "./core/text/did-you-mean.ts";
import { escapeText } from "./core/text/safe-text.ts";
import { ConfigError } from "./shell/config.ts";
import { NativeLoadError } from "./shell/host/native.ts";
import { writeAll } from "./shell/output/log.ts";
import { ObserveError } from "./shell/read-host.ts";

declare const PACKAGE_VERSION: string;

const AFTER_HELP = `
Examples:
  vscode-grim-reaper                          end every orphaned tree, as the hourly timer does
  vscode-grim-reaper -n -vv                   show what would be ended and why; change nothing
  vscode-grim-reaper status                   the mode, the last and next sweep, the trees in numbers
  vscode-grim-reaper list                     every tree with its verdict, age, CPU time and memory
  vscode-grim-reaper explain 4711             every fact about the tree of process 4711
  vscode-grim-reaper -f -u alice              end all of alice's trees, connected or not
  vscode-grim-reaper report --since 30d       what was ended, by product, user and day
  vscode-grim-reaper keep 24h                 as a user: leave my trees alone until tomorrow
  vscode-grim-reaper end                      as a user: end my trees now
  vscode-grim-reaper clean                    as a user: what old server versions take up, and which can go
  vscode-grim-reaper snapshot > host.json     save what this host shows, for replay and bug reports

Files:
  /etc/vscode-grim-reaper/config.toml         the configuration, and config.d/*.toml beside it
  /var/log/vscode-grim-reaper.log             the log of the hourly sweeps
  /var/lib/vscode-grim-reaper/ledger.jsonl    every tree that was ended, for report
  /run/vscode-grim-reaper/                    the lock, and the tags of the logout hook

Exit status: 0 all well; 1 something survived or failed; 64 usage; 70 internal error; 75 another sweep is running;
77 not permitted; 78 bad configuration.`;

/** Shows defaults only where they are worth reading: not "false", "0" or "-". */
class PlainHelp extends Help {
  override optionDescription(option: Option): string {
    const { description, argChoices, defaultValue, defaultValueDescription } = option;
    const worth = typeof defaultValue === "string" && defaultValue !== "-";
    const byDefault = defaultValueDescription ?? (worth ? defaultValue : undefined);
    const notes = [
      ...(argChoices ? [argChoices.join(", ")] : []),
      ...(byDefault === undefined ? [] : [`default: ${byDefault}`]),
    ];
    return notes.length > 0 ? `${description} (${notes.join("; ")})` : description;
  }
}

/** Makes the program. `done` receives the exit status of the command that ran. */
export function makeProgram(done: (status: number) => void): Command {
  const program = new Command("vscode-grim-reaper")
    .description(
      "Finds the process trees that VS Code Remote-SSH and other remote IDEs leave behind on a login node, and ends those that no client is connected to. A tree in use, or in doubt, is left alone.",
    )
    .version(PACKAGE_VERSION)
    .exitOverride()
    .showHelpAfterError("(see --help)");
  const finish: Finish =
    (act) =>
    async (...args) => {
      done(await act(...args));
    };

  addSweep(program, finish);
  addStatus(program, finish);
  addList(program, finish);
  addExplain(program, finish);
  addSnapshot(program, finish);
  addReplay(program, finish);
  addCheckConfig(program, finish);
  addDoctor(program, finish);
  addReport(program, finish);
  addKeep(program, finish);
  addEnd(program, finish);
  addClean(program, finish);
  addRunNotify(program, finish);
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showHelpAfterError("(see --help)")
      .configureOutput({ outputError: (text, write) => write(plainError(text)) });
    command.createHelp = () => new PlainHelp();
  }
  program.addHelpText("after", () => `\n${sweepOptions(program)}\n${AFTER_HELP}`);
  return program;
}

/** Puts the library's words for a wrong argument into ours: "duration foo: it must be …". */
function plainError(text: string): string {
  return text
    .replace(/^error: /, "vscode-grim-reaper: ")
    .replace(
      /command-argument value '([\s\S]*)' is invalid for argument '(\w+)'\. (\w)/,
      (_, value, name, first) => {
        return `${name} ${escapeText(value)}: ${first.toLowerCase()}`;
      },
    );
}

/** Lists the options of `sweep`, which need no command. */
function sweepOptions(program: Command): string {
  const sweep = program.commands.find((command) => command.name() === "sweep");
  if (sweep === undefined) return "";
  const help = sweep.createHelp();
  const options = help.visibleOptions(sweep).filter(({ long }) => long !== "--help");
  const width = Math.max(...options.map((option) => help.optionTerm(option).length));
  const lines = options.map(
    (option) => `  ${help.optionTerm(option).padEnd(width)}  ${help.optionDescription(option)}`,
  );
  return `Options of sweep, which also work without its name:\n${lines.join("\n")}`;
}

/** Runs one command line (without node and script) and returns the exit status. Every error is one clear line. */
export async function main(args: readonly string[]): Promise<number> {
  let status: number = EXIT.ok;
  const program = makeProgram((result) => {
    status = result;
  });
  try {
    refuseUnknownCommand(program, args);
    await program.parseAsync(args, { from: "user" });
    hintAtStatus(args, status);
    return status;
  } catch (error) {
    return report(error);
  }
}

/** Guard: with a default command, commander would sweep for a mistyped one, and complain about an argument. */
function refuseUnknownCommand(program: Command, [first]: readonly string[]): void {
  if (first === undefined || first.startsWith("-")) return;
  const known = program.commands.map((command) => command.name());
  if (first === "help" || known.includes(first)) return;
  const visible = new Help().visibleCommands(program).map((command) => command.name());
  const near = nearest(first, visible);
  const hint = near ? `did you mean "${near}"?` : `the commands are ${visible.join(", ")}`;
  throw new Failure(EXIT.usage, `unknown command ${escapeText(first)}; ${hint} (see --help)`);
}

/** Points a person who typed only the program's name to `status`, because a sweep may have nothing to say. */
function hintAtStatus(args: readonly string[], status: number): void {
  if (args.length > 0 || status !== EXIT.ok || process.stderr.isTTY !== true) return;
  writeAll(2, "The sweep is done. What this host looks like now: vscode-grim-reaper status\n");
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const known: readonly (readonly [new (...args: never[]) => Error, number])[] = [
    [ConfigError, EXIT.config],
    [ObserveError, EXIT.failed],
    [NativeLoadError, EXIT.internal],
  ];
  const status = error instanceof Failure ? error.status : known.find(([kind]) => error instanceof kind)?.[1];
  const text = status === undefined ? ((error as Error).stack ?? String(error)) : (error as Error).message;
  for (const line of text.split("\n")) writeAll(2, `vscode-grim-reaper: ${line}\n`);
  return status ?? EXIT.internal;
}
