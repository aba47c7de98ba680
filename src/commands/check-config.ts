/** `check-config`: is it right, and what does it amount to? */
import type { Command } from "commander";
import { formatDuration } from "../core/duration.ts";
import { escapeText } from "../core/text.ts";
import { lookUpAccounts } from "../shell/accounts.ts";
import { loadConfig, systemMinUid } from "../shell/config.ts";
import { writeAll } from "../shell/log.ts";
import { EXIT, localDate, print } from "./common.ts";
import type { Finish } from "./options.ts";

async function checkConfig(file: string | undefined): Promise<number> {
  const { policy, files } = loadConfig(file ?? null);
  const { faults } = lookUpAccounts(policy, []);
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
    ["exempt users", policy.exemptUsers.join(", ") || "none"],
    ["exempt groups", policy.exemptGroups.join(", ") || "none"],
    ...policy.exempt.map(({ user, group, product, until, reason }) => {
      const who = [user, group && `group ${group}`, product].filter((part) => part !== undefined).join(", ");
      const end = until ? (until < today ? ` (ended ${until})` : ` until ${until}`) : "";
      return ["exempt", `${who}${end}${reason ? `: ${reason}` : ""}`] as const;
    }),
  ];
  print(rows.map(([key, value]) => `${key.padEnd(14)} ${escapeText(String(value))}`).join("\n"));
  for (const { what, detail } of faults)
    writeAll(2, `vscode-grim-reaper: cannot ${escapeText(what)}: ${detail}\n`);
  return faults.length > 0 ? EXIT.failed : EXIT.ok;
}

export function addCheckConfig(program: Command, finish: Finish): void {
  program
    .command("check-config")
    .description("check the configuration and show what it amounts to")
    .argument("[file]", "instead of /etc/vscode-grim-reaper")
    .action(finish(checkConfig));
}
