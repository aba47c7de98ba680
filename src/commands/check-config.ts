/** `check-config`: is it right, and what does it amount to? */

import type { Command } from "commander";
import type { Fault } from "../core/observation/fault.ts";
import type { Policy } from "../core/policy/policy.ts";
import { formatDuration } from "../core/text/duration.ts";
import { localDate } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { whoIsExempt } from "../core/verdict/exemption.ts";
import { loadConfig, systemMinUid } from "../shell/config.ts";
import { whyNotRun } from "../shell/hooks/run-hook.ts";
import { lookUpAccounts } from "../shell/host/accounts.ts";
import { writeAll } from "../shell/output/log.ts";
import { EXIT } from "./exit.ts";
import type { Finish } from "./options.ts";
import { print } from "./shared.ts";

async function checkConfig(file: string | undefined): Promise<number> {
  const { policy, files } = loadConfig(file ?? null);
  const faults = [...lookUpAccounts(policy, []).faults, ...hookFaults(policy)];
  const today = localDate(new Date());
  const rows: readonly (readonly [string, string])[] = [
    ["files", files.length > 0 ? files.join(", ") : "none: every key has its default"],
    [
      "mode",
      policy.enforce ? "enforcing: orphans are ended" : "observing: nothing is ended (enforce = false)",
    ],
    ["grace", formatDuration(policy.grace)],
    ...Object.entries(policy.graceByProduct).map(([id, ms]) => [`grace ${id}`, formatDuration(ms)] as const),
    ["untagged", policy.untagged],
    ["termWait", formatDuration(policy.termWait)],
    ["minUid", policy.minUid === null ? `${systemMinUid()} (/etc/login.defs)` : String(policy.minUid)],
    ["maxTrees", policy.maxTrees === null ? "unlimited" : String(policy.maxTrees)],
    ["tunnels", policy.tunnels],
    ["webServers", policy.webServers],
    ["jobClients", policy.jobClients],
    ["jobEnvironment", policy.jobEnvironment],
    ["ledger", policy.ledger.file || "none"],
    ["metrics", policy.metrics.file || "none"],
    [
      "cluster",
      policy.cluster.dir === ""
        ? "off"
        : `${policy.cluster.dir}, told up to ${formatDuration(policy.cluster.maxAge)} ago, grace ${formatDuration(policy.cluster.grace)}`,
    ],
    ["notices", policy.notice.enabled ? `for ${policy.notice.days} day(s)` : "off"],
    ["mail", policy.mail.enabled ? `to ${policy.mail.to}, from ${policy.mail.from}` : "off"],
    ["veto", policy.hooks.veto || "none"],
    ["notify", policy.hooks.notify || "none"],
    ["keep", policy.keep.max === 0 ? "refused" : `up to ${formatDuration(policy.keep.max)}`],
    ["exempt users", policy.exemptUsers.join(", ") || "none"],
    ["exempt groups", policy.exemptGroups.join(", ") || "none"],
    ...policy.exempt.map((entry) => {
      const { until, reason } = entry;
      const who = whoIsExempt(entry);
      const end = until ? (until < today ? ` (ended ${until})` : ` until ${until}`) : "";
      return ["exempt", `${who}${end}${reason ? `: ${reason}` : ""}`] as const;
    }),
  ];
  print(rows.map(([key, value]) => `${key.padEnd(14)} ${escapeText(String(value))}`).join("\n"));
  for (const { what, detail } of faults)
    writeAll(2, `vscode-grim-reaper: cannot ${escapeText(what)}: ${detail}\n`);
  return faults.length > 0 ? EXIT.failed : EXIT.ok;
}

/** The site's programs that a sweep would refuse to run. */
function hookFaults({ hooks }: Policy): Fault[] {
  return [hooks.veto, hooks.notify].filter(Boolean).flatMap((program) => {
    const why = whyNotRun(program);
    return why === null ? [] : [{ what: `run ${program}`, detail: why }];
  });
}

export function addCheckConfig(program: Command, finish: Finish): void {
  program
    .command("check-config")
    .description("check the configuration and show what it amounts to")
    .argument("[file]", "instead of /etc/vscode-grim-reaper")
    .action(finish(checkConfig));
}
