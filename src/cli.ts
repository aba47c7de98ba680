/** The command line: what each command takes, and the exit status. Concrete things meet here and nowhere else. */

import { Command, CommanderError } from "commander";
import { addCheckConfig } from "./commands/check-config.ts";
import { addClean } from "./commands/clean.ts";
import { addClusterHelper } from "./commands/cluster-helper.ts";
import { addDeliverMail } from "./commands/deliver-mail.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEnd } from "./commands/end.ts";
import { EXIT, Failure } from "./commands/exit.ts";
import { addExplain } from "./commands/explain.ts";
import { addFleet } from "./commands/fleet.ts";
import { addKeep } from "./commands/keep.ts";
import { addList } from "./commands/list.ts";
import type { Finish } from "./commands/options.ts";
import { addReplay } from "./commands/replay.ts";
import { addReport } from "./commands/report.ts";
import { addRunNotify } from "./commands/run-notify.ts";
import { addSnapshot } from "./commands/snapshot.ts";
import { addSweep } from "./commands/sweep.ts";
import { ConfigError } from "./shell/config.ts";
import { NativeLoadError } from "./shell/host/native.ts";
import { ObserveError } from "./shell/observe.ts";
import { writeAll } from "./shell/output/log.ts";

declare const PACKAGE_VERSION: string;

const EXAMPLES = `
Examples:
  vscode-grim-reaper                          end every orphaned tree, as the hourly timer does
  vscode-grim-reaper -n -vv                   say what would be ended and why, change nothing
  vscode-grim-reaper list                     every tree, its verdict, age, memory and client
  vscode-grim-reaper explain 4711             every fact about the tree of process 4711
  vscode-grim-reaper -f -u alice              end all of alice's trees, connected or not
  vscode-grim-reaper report --since 30d       what was ended, by product, user and day
  vscode-grim-reaper keep 24h                 as a user: leave my trees alone until tomorrow
  vscode-grim-reaper end                      as a user: end my trees now
  vscode-grim-reaper clean                    as a user: what old server versions take up, and which can go
  vscode-grim-reaper snapshot > host.json     save what is seen, for replay and bug reports

Exit status: 0 all well; 1 something survived or failed; 64 usage; 70 internal error; 75 another sweep is running;
77 not permitted; 78 bad configuration.`;

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
  const finish: Finish =
    (act) =>
    async (...args) => {
      done(await act(...args));
    };

  addSweep(program, finish);
  addList(program, finish);
  addExplain(program, finish);
  addSnapshot(program, finish);
  addReplay(program, finish);
  addFleet(program, finish);
  addCheckConfig(program, finish);
  addDoctor(program, finish);
  addReport(program, finish);
  addKeep(program, finish);
  addEnd(program, finish);
  addClean(program, finish);
  addDeliverMail(program, finish);
  addRunNotify(program, finish);
  addClusterHelper(program, finish);
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
