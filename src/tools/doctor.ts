/** `doctor`: is everything in place, on this host, now? */

import { type Common, print, printJson, requestFor, thisHost } from "../commands/shared.ts";
import { mergePolicy } from "../core/policy/policy.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT } from "../shell/failure.ts";
import { observeAndJudge } from "../sweep/sweep.ts";
import { doctorLines, runChecks } from "./core/doctor/check.ts";
import { lookFacts } from "./core/doctor/examination.ts";
import { HOOK_CHECKS } from "./core/doctor/hook-checks.ts";
import { HOST_CHECKS } from "./core/doctor/host-checks.ts";
import { SELINUX_CHECKS } from "./core/doctor/selinux-checks.ts";
import { CONFIG, commandOf, JSON_OPTION } from "./options.ts";
import { ask, askAsync } from "./shell/ask.ts";
import { examine } from "./shell/examine-host.ts";
import { painter } from "./shell/terminal.ts";

/** In the order in which an administrator would correct things. */
const CHECKS = { ...HOST_CHECKS, ...HOOK_CHECKS, ...SELINUX_CHECKS };

async function doctor(options: Common): Promise<number> {
  const loaded = ask(() => loadConfig(options.config ?? null));
  const policy = "value" in loaded ? loaded.value.policy : mergePolicy([]);
  const ports = thisHost();
  const look = await askAsync(async () => {
    const { view, judgements } = await observeAndJudge(ports, requestFor(policy, {}));
    return lookFacts(view, judgements, policy);
  });
  const checks = runChecks(CHECKS, await examine(ports.native, loaded, look));
  if (options.json) printJson({ schemaVersion: 1, checks });
  else print(doctorLines(checks, painter()).join("\n"));
  return checks.some(({ health }) => health === "fault") ? EXIT.failed : EXIT.ok;
}

export const doctorCommand = commandOf(
  "doctor",
  "examine the installation and this host: what is in place, what is wrong, and the remedy",
  doctor,
)
  .addOption(JSON_OPTION)
  .addOption(CONFIG)
  .addHelpText("after", "\nRun it as root. A fault makes the exit status 1, a warning does not.");
