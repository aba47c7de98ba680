/** `sweep` as the help shows it; it runs from here only where its own bundle refuses what commander takes. */

import { runSweep } from "../commands/sweep.ts";
import { asksFirst, SWEEP_OPTIONS, type SweepOptions } from "../commands/sweep-options.ts";
import { confirmForce } from "./confirm-force.ts";
import { commandOf, durationArgument, optionOf, pidArgument } from "./options.ts";

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  pid: pidArgument,
  settle: durationArgument,
};

export const sweepCommand = commandOf(
  "sweep",
  "end orphaned trees (the default command)",
  (options: SweepOptions) => runSweep(options, asksFirst(options) ? confirmForce : undefined),
);
for (const [name, row] of Object.entries(SWEEP_OPTIONS))
  sweepCommand.addOption(optionOf(name, row, READERS[name]));
