/** `check-config`: finds mistakes in the configuration, and shows every value with where it comes from. */

import { basename } from "node:path";
import type { Command } from "commander";
import { EXIT } from "../commands/exit.ts";
import type { Finish } from "../commands/options.ts";
import { print } from "../commands/shared.ts";
import { isTable, type Policy, type PolicyLayer } from "../core/policy/policy.ts";
import { formatDuration } from "../core/text/duration.ts";
import { countOf, localDate } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { namedIn } from "../core/verdict/exemption.ts";
import { type LoadedConfig, loadConfig, systemMinUid } from "../shell/config.ts";
import { writeAll } from "../shell/output/log.ts";
import { findConfigProblems } from "./shell/config-problems.ts";

/** A key of the configuration as it is shown: its path in the file, or a label without one. */
type Row = readonly [key: string, value: string];

async function checkConfig(file: string | undefined): Promise<number> {
  const loaded = loadConfig(file ?? null);
  const { policy, files } = loaded;
  const rows: readonly Row[] = [
    ["files", files.length > 0 ? files.join(", ") : "none: every key has its default"],
    ...rowsOf(policy),
  ];
  const width = Math.max(...rows.map(([key]) => key.length));
  for (const [key, value] of rows)
    print(`${key.padEnd(width)}  ${escapeText(value)}${originOf(key, loaded)}`);
  const problems = findConfigProblems(loaded);
  for (const problem of problems) writeAll(2, `vscode-grim-reaper: ${escapeText(problem)}\n`);
  print(problems.length === 0 ? "\nOK" : `\n${countOf(problems.length, "problem")}`);
  return problems.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Formats the values by the path of their key, so that each can be found in the files. */
function rowsOf(policy: Policy): Row[] {
  const { notice, keep } = policy;
  const today = localDate(new Date());
  const values: Readonly<Record<string, string>> = {
    enforce: policy.enforce ? "true: sweeps end orphans" : "false: sweeps only observe",
    grace: formatDuration(policy.grace),
    ...Object.fromEntries(
      Object.entries(policy.graceByProduct).map(([id, ms]) => [`graceByProduct.${id}`, formatDuration(ms)]),
    ),
    silentAfter: policy.silentAfter === null ? "off" : formatDuration(policy.silentAfter),
    settle: formatDuration(policy.settle),
    termWait: formatDuration(policy.termWait),
    minUid: policy.minUid === null ? `${systemMinUid()} (/etc/login.defs)` : String(policy.minUid),
    maxTrees: policy.maxTrees === null ? "unlimited" : String(policy.maxTrees),
    tunnels: policy.tunnels,
    webServers: policy.webServers,
    jobClients: policy.jobClients,
    jobEnvironment: policy.jobEnvironment,
    "agents.policy": policy.agents.policy,
    "agents.grace": formatDuration(policy.agents.grace),
    "agents.busyFor": formatDuration(policy.agents.busyFor),
    "kernels.grace": formatDuration(policy.kernels.grace),
    "kernels.busyFor": formatDuration(policy.kernels.busyFor),
    log: policy.log,
    "ledger.file": policy.ledger.file || "none",
    "metrics.file": policy.metrics.file || "none",
    "notice.enabled": notice.enabled ? `true, for ${countOf(notice.days, "day")}` : "false",
    "hooks.notify": policy.hooks.notify || "none",
    "keep.max": keep.max === 0 ? "0s: requests are refused" : formatDuration(keep.max),
    exemptUsers: policy.exemptUsers.join(", ") || "none",
    exemptGroups: policy.exemptGroups.join(", ") || "none",
  };
  const exemptions = policy.exempt.map((entry): Row => {
    const { until, reason } = entry;
    const end = until ? (until < today ? ` (ended ${until})` : ` until ${until}`) : "";
    return ["exempt", `${namedIn(entry)}${end}${reason ? `: ${reason}` : ""}`];
  });
  return [...Object.entries(values), ...exemptions];
}

/** Tells which of the layers sets a key, by index: the last one; for a list all that do. Empty for a default. */
function layersWith(layers: readonly PolicyLayer[], path: readonly string[]): number[] {
  const found = layers.flatMap((layer, i) => {
    const value = path.reduce<unknown>((at, step) => (isTable(at) ? at[step] : undefined), layer);
    return value === undefined ? [] : [{ i, isList: Array.isArray(value) }];
  });
  return (found.every(({ isList }) => isList) ? found : found.slice(-1)).map(({ i }) => i);
}

/** Names the files that set a key; nothing for a default. */
function originOf(key: string, { files, layers }: LoadedConfig): string {
  const names = layersWith(layers, key.split(".")).map((i) => basename(files[i] ?? ""));
  return names.length > 0 ? `  [${names.join(", ")}]` : "";
}

/** Adds the command to the program. */
export function addCheckConfig(program: Command, finish: Finish): void {
  program
    .command("check-config")
    .description("find mistakes in the configuration, and show every value with the file that sets it")
    .argument("[file]", "the file to check instead of /etc/vscode-grim-reaper")
    .action(finish(checkConfig));
}
