/** The command line of the tools: every mistake is one clear line. */

import { Command, CommanderError } from "commander";
import { escapeText } from "../core/text/safe-text.ts";
import { EXIT } from "../shell/failure.ts";
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

/** Runs this process's command line with the program that `make` returns; resolves with the exit status. */
export async function runProgram(
  make: (done: (status: number) => void, args: readonly string[]) => Command,
): Promise<number> {
  const args = process.argv.slice(2);
  let status: number = EXIT.ok;
  const done = (given: number): void => {
    status = given;
  };
  try {
    await make(done, args).parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and the version end it as well.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}
