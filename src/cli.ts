/** The command line: what each command takes, and the exit status. Concrete things meet here and nowhere else. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { checkConfig, explain, list, replay, runSweep, snapshot } from "./commands.ts";
import { Failure } from "./failure.ts";
import { ConfigError } from "./shell/config.ts";
import { writeAll } from "./shell/log.ts";
import { NativeLoadError } from "./shell/native.ts";
import { ObserveError } from "./shell/observe.ts";

declare const PACKAGE_VERSION: string;

const EXIT = { ok: 0, failed: 1, usage: 64, internal: 70, busy: 75, denied: 77, config: 78 } as const;

const EXAMPLES = `
Examples:
  vscode-grim-reaper                          end every orphaned tree, as the hourly timer does
  vscode-grim-reaper -n -vv                   say what would be ended and why, change nothing
  vscode-grim-reaper list                     every tree, its verdict, age, memory and client
  vscode-grim-reaper explain 4711             every fact about the tree of process 4711
  vscode-grim-reaper -f -u alice              end all of alice's trees, connected or not
  vscode-grim-reaper snapshot > host.json     save what is seen, for replay and bug reports

Exit status: 0 all well; 1 something survived or failed; 64 usage; 70 internal error; 75 another sweep is running;
77 not permitted; 78 bad configuration.`;

function pidArgument(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError("A process id is a whole number above 0.");
  return Number(text);
}

const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[] | undefined): T[] => [...(before ?? []), parse(text)];

function addConfig(command: Command): Command {
  return command.option("-c, --config <file>", "read this configuration instead of /etc/vscode-grim-reaper");
}

function addUsers(command: Command): Command {
  return command.option(
    "-u, --user <user>",
    "only trees of this user, by name or uid (repeatable)",
    collect(String),
  );
}

/** The program. `run` receives the exit status of the command that ran. */
export function makeProgram(done: (status: number) => void): Command {
  const program = new Command("vscode-grim-reaper")
    .description(
      "Finds the server trees of VS Code Remote-SSH and its kin that nobody is connected to any more, and ends them.\nA tree that somebody uses, or of which that cannot be told, is left alone.",
    )
    .version(PACKAGE_VERSION)
    .exitOverride()
    .showHelpAfterError("(see --help)")
    .addHelpText("after", EXAMPLES);
  const finish =
    <A extends unknown[]>(act: (...args: A) => Promise<number>) =>
    async (...args: A): Promise<void> => {
      done(await act(...args));
    };

  const sweepCommand = program
    .command("sweep", { isDefault: true })
    .description("end orphaned trees (the default)")
    .option(
      "-v, --verbose",
      "list each process ended; twice: every verdict and its reasons",
      (_, n: number) => n + 1,
      0,
    )
    .option("-l, --log <file>", "append the log to this file; - is standard error", "-")
    .option("-n, --dry-run", "say what would be ended, change nothing", false)
    .option("-f, --force", "end trees in use, inside their grace or in doubt, too; never exempt ones", false)
    .option("--include-jobs", "with --force: batch jobs, too", false)
    .option("--include-exempt", "with --force: exempt users, groups and products, too", false)
    .option("--pid <pid>", "only the tree that holds this process (repeatable)", collect(pidArgument))
    .option("--json", "the result as JSON on standard output", false)
    .addOption(
      new Option("--log-format <format>", "of the log").choices(["standard", "json"]).default("standard"),
    )
    .action(finish(runSweep));
  addConfig(addUsers(sweepCommand));

  const listCommand = program
    .command("list")
    .description("every tree with its verdict, age, memory and client")
    .option("--json", "as JSON", false)
    .action(finish(list));
  addConfig(addUsers(listCommand));

  addConfig(
    program
      .command("explain")
      .description("every fact about one tree, the rule that decided, and what would change it")
      .argument("<pid>", "any process of the tree", pidArgument)
      .option("--json", "as JSON", false)
      .action(finish(explain)),
  );
  addConfig(
    program
      .command("snapshot")
      .description("write what is seen as JSON, secrets removed, for replay and bug reports")
      .action(finish(snapshot)),
  );
  addConfig(
    program
      .command("replay")
      .description("judge a saved observation with this host's configuration")
      .argument("<file>", "made by snapshot; - is standard input")
      .addOption(
        new Option("--format <format>", "ps: lines of uid<TAB>pid<TAB>ppid<TAB>args")
          .choices(["snapshot", "ps"])
          .default("snapshot"),
      )
      .option("--json", "as JSON", false)
      .action(finish(replay)),
  );
  program
    .command("check-config")
    .description("check the configuration and show what it amounts to")
    .argument("[file]", "instead of /etc/vscode-grim-reaper")
    .action(finish(checkConfig));
  for (const command of program.commands) command.exitOverride().showHelpAfterError("(see --help)");
  return program;
}

/** Runs one command line (without node and script) and returns the exit status. Every error is one clear line. */
export async function main(args: readonly string[]): Promise<number> {
  let status: number = EXIT.ok;
  const program = makeProgram((result) => {
    status = result;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    return report(error);
  }
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
