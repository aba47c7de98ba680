/** `snapshot`: writes the observation as JSON, without secrets, for `replay` and bug reports. */

import { type Common, print, requestFor, thisHost } from "../commands/shared.ts";
import { safeJson } from "../core/text/safe-text.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT } from "../shell/failure.ts";
import { observeAndJudge } from "../sweep/sweep.ts";
import { CONFIG, commandOf } from "./options.ts";

async function snapshot(options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const { observation } = await observeAndJudge(thisHost(), requestFor(policy, options));
  print(safeJson(observation));
  return EXIT.ok;
}

export const snapshotCommand = commandOf(
  "snapshot",
  "write what this host shows now as JSON, without secrets, for replay and bug reports",
  snapshot,
).addOption(CONFIG);
