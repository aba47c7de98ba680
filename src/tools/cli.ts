/** The program with every command and the one help; every mistake is one clear line. */

import { Command, CommanderError } from "commander";
import { nearest } from "../core/text/did-you-mean.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { checkConfigCommand } from "./check-config.ts";
import { cleanCommand } from "./clean.ts";
import { doctorCommand } from "./doctor.ts";
import { endCommand } from "./end.ts";
import { explainCommand } from "./explain.ts";
import { keepCommand } from "./keep.ts";
import { listCommand } from "./list.ts";
import { enforceCommand, observeCommand } from "./mode.ts";
import { replayCommand, snapshotCommand } from "./replay.ts";
import { reportCommand } from "./report.ts";
import { runNotifyCommand } from "./run-notify.ts";
import { statusCommand } from "./status.ts";
import { sweepCommand } from "./sweep.ts";

declare const PACKAGE_VERSION: string;

const AFTER_HELP = `
Examples:
  vscode-grim-reaper                    end every orphan, as the timer does
  vscode-grim-reaper -n -vv             show what would be ended, and why
  vscode-grim-reaper status             mode, last and next sweep, trees
  vscode-grim-reaper explain 4711       every fact about the tree of 4711
  vscode-grim-reaper -f -u alice        end all of alice's trees, used or not
  vscode-grim-reaper report --since 30d what was ended, by product, user, day
  vscode-grim-reaper keep 24h           as a user: leave my trees alone
  vscode-grim-reaper end                as a user: end my trees now

The manual, vscode-grim-reaper(8), has the verdicts, the files and the log.`;
const EXIT_STATUS = `
Exit status: 0 all well; 1 something survived or failed; 64 usage; 70 internal
error; 75 another sweep is running; 77 not permitted; 78 bad configuration.`;

const COMMANDS = [
  sweepCommand,
  statusCommand,
  listCommand,
  explainCommand,
  snapshotCommand,
  replayCommand,
  checkConfigCommand,
  doctorCommand,
  enforceCommand,
  observeCommand,
  reportCommand,
  keepCommand,
  endCommand,
  cleanCommand,
  runNotifyCommand,
];

export function makeProgram(): Command {
  const program = new Command("vscode-grim-reaper")
    .version(PACKAGE_VERSION)
    .description(
      "Finds the process trees that VS Code Remote-SSH and other remote IDEs leave behind on a login node, and ends those that no client is connected to. A tree in use, or in doubt, is left alone.",
    )
    .addHelpText("after", () => `\nWithout a command:\n\n${sweepCommand.helpInformation()}${AFTER_HELP}`);
  for (const command of COMMANDS) program.addCommand(command, { isDefault: command === sweepCommand });
  for (const command of [program, ...COMMANDS])
    command
      .exitOverride()
      .showHelpAfterError("(see --help)")
      .configureHelp({ optionDescription: ({ description }) => description })
      .configureOutput({
        getOutHelpWidth: () => 80,
        outputError: (text, write) => {
          const lines = text.replace(/^error: /, "vscode-grim-reaper: ").split("\n");
          write(lines.map(escapeText).join("\n"));
        },
      })
      .addHelpText("after", EXIT_STATUS);
  return program;
}

/** Runs this process's command line; resolves with the exit status. @throws Failure */
export async function runProgram(): Promise<number> {
  const args = process.argv.slice(2);
  const program = makeProgram();
  refuseUnknownCommand(program, args);
  try {
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and the version end it as well.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

/** Guard: with a default command, commander would sweep for a mistyped one, and complain about an argument. */
function refuseUnknownCommand(program: Command, [first]: readonly string[]): void {
  if (first === undefined || first.startsWith("-")) return;
  const known = program.commands.map((command) => command.name());
  if (first === "help" || known.includes(first)) return;
  const near = nearest(first, known);
  const hint = near ? `did you mean "${near}"?` : `the commands are ${known.join(", ")}`;
  throw new Failure(EXIT.usage, `unknown command ${escapeText(first)}; ${hint} (see --help)`);
}
