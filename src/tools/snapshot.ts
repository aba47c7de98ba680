/** `snapshot`: writes the observation as JSON, without secrets, for `replay` and bug reports. */

import type { Command } from "commander";
import { type Common, print, requestFor, thisHost } from "../commands/shared.ts";
import { safeJson } from "../core/text/safe-text.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT } from "../shell/failure.ts";
import { observeAndJudge } from "../sweep/sweep.ts";
import { addConfig, exitsWith } from "./options.ts";

async function snapshot(options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const { observation } = await observeAndJudge(thisHost(), requestFor(policy, options));
  print(safeJson(observation));
  return EXIT.ok;
}

/** Adds the command to the program. */
export function addSnapshot(program: Command): void {
  addConfig(
    program
      .command("snapshot")
      .description("write what this host shows now as JSON, without secrets, for replay and bug reports")
      .action(exitsWith(snapshot)),
  );
}
