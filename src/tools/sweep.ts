/** `sweep` as the help shows it; it runs from here only where its own bundle refuses what commander takes. */

import type { Command } from "commander";
import { runSweep } from "../commands/sweep.ts";
import { asksFirst, SWEEP_OPTIONS, type SweepOptions } from "../commands/sweep-options.ts";
import { confirmForce } from "./confirm-force.ts";
import { durationArgument, exitsWith, optionOf, pidArgument } from "./options.ts";

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  pid: pidArgument,
  settle: durationArgument,
};

/** Adds the command to the program. */
export function addSweep(program: Command): void {
  const command = program
    .command("sweep", { isDefault: true })
    .description("end orphaned trees (the default command)")
    .action(
      exitsWith((options: SweepOptions) => runSweep(options, asksFirst(options) ? confirmForce : undefined)),
    );
  for (const [name, row] of Object.entries(SWEEP_OPTIONS))
    command.addOption(optionOf(name, row, READERS[name]));
}
