/** `doctor`: is everything in place, on this host, now? */

import type { Command } from "commander";
import { EXIT } from "../commands/exit.ts";
import { addConfig, type Finish } from "../commands/options.ts";
import { type Common, print } from "../commands/shared.ts";
import { safeJson } from "../core/text/safe-text.ts";
import { loadNative } from "../shell/host/native.ts";
import { RUN_FOLDER, STATE_FOLDER } from "../shell/store/paths.ts";
import { diagnose, doctorLines } from "./core/doctor/doctor.ts";
import { examine } from "./shell/examine-host.ts";
import { painter, wrapLines } from "./shell/terminal.ts";

async function doctor(options: Common): Promise<number> {
  const seen = await examine({
    native: loadNative(),
    configFile: options.config ?? null,
    runFolder: RUN_FOLDER,
    stateFolder: STATE_FOLDER,
  });
  const checks = diagnose(seen);
  if (options.json) print(safeJson({ schemaVersion: 1, checks }));
  else print(wrapLines(doctorLines(checks, painter())).join("\n"));
  return checks.some(({ health }) => health === "fault") ? EXIT.failed : EXIT.ok;
}

export function addDoctor(program: Command, finish: Finish): void {
  addConfig(
    program
      .command("doctor")
      .description("examine the installation and this host: what is in place, what is wrong, and the remedy")
      .option("--json", "as JSON", false)
      .addHelpText("after", "\nExit status: 0 without faults (warnings may be); 1 with one. Run it as root.")
      .action(finish(doctor)),
  );
}
