/** The command line of both bundles: every error is one clear line, and the status says what kind it is. */

import { Command, CommanderError } from "commander";
import { escapeText } from "../core/text/safe-text.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { writeAll } from "../shell/output/log.ts";
import type { Finish } from "./options.ts";

declare const PACKAGE_VERSION: string;

/** Adds one command to the program. */
export type AddCommand = (program: Command, finish: Finish) => void;

/** Makes a program of commands. `done` receives the exit status of the command that ran. */
export function programOf(commands: readonly AddCommand[], done: (status: number) => void): Command {
  const program = new Command("vscode-grim-reaper").version(PACKAGE_VERSION);
  const finish: Finish =
    (act) =>
    async (...args) => {
      done(await act(...args));
    };
  for (const add of commands) add(program, finish);
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showHelpAfterError("(see --help)")
      .configureOutput({ outputError: (text, write) => write(plainError(text)) });
  }
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

/** Runs this process's command line and sets the exit status. */
export async function run(
  make: (done: (status: number) => void, args: readonly string[]) => Command,
): Promise<void> {
  const args = process.argv.slice(2);
  try {
    const program = make((status) => {
      process.exitCode = status;
    }, args);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const status = error instanceof Failure ? error.status : EXIT.internal;
  const text = error instanceof Failure ? error.message : ((error as Error).stack ?? String(error));
  for (const line of text.split("\n")) writeAll(2, `vscode-grim-reaper: ${line}\n`);
  return status;
}
