/** `check-config`: finds mistakes in the configuration, and shows every value with where it comes from. */

import { basename } from "node:path";
import { complain, print } from "../commands/shared.ts";
import { isTable, type Policy } from "../core/policy/policy.ts";
import { formatDuration } from "../core/text/duration.ts";
import { countOf, localDate } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { namedIn } from "../core/verdict/exemption.ts";
import { type LoadedConfig, loadConfig } from "../shell/config.ts";
import { EXIT } from "../shell/failure.ts";
import { commandOf } from "./options.ts";
import { findConfigProblems } from "./shell/config-problems.ts";

/** A key of the configuration as it is shown: its path in the file, or a label without one. */
type Row = readonly [key: string, value: string];

function checkConfig(file: string | undefined): number {
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
  for (const problem of problems) complain(problem);
  print(problems.length === 0 ? "\nOK" : `\n${countOf(problems.length, "problem")}`);
  return problems.length > 0 ? EXIT.failed : EXIT.ok;
}

/** What a value alone says too little of. */
const IN_WORDS: Readonly<Record<string, (policy: Policy) => string>> = {
  enforce: ({ enforce }) => (enforce ? "true: sweeps end orphans" : "false: sweeps only observe"),
  minUid: ({ minUid }) => String(minUid),
  maxTrees: ({ maxTrees }) => (maxTrees === null ? "unlimited" : String(maxTrees)),
};

/** Formats the values by the path of their key, so that each can be found in the files. */
function rowsOf(policy: Policy): Row[] {
  const { exempt, catalogue: _catalogue, places: _places, ...values } = policy;
  const rows = Object.entries(values).flatMap(([key, value]) => rowsAt(key, value));
  const today = localDate(new Date());
  const exemptions = exempt.map((entry): Row => {
    const { until, reason } = entry;
    const end = until ? (until < today ? ` (ended ${until})` : ` until ${until}`) : "";
    return ["exempt", `${namedIn(entry)}${end}${reason ? `: ${reason}` : ""}`];
  });
  return [...rows.map(([key, value]): Row => [key, IN_WORDS[key]?.(policy) ?? value]), ...exemptions];
}

/** A key, or the keys of a table. Every other number is a duration. */
function rowsAt(key: string, value: unknown): Row[] {
  if (isTable(value)) return Object.entries(value).flatMap(([inner, one]) => rowsAt(`${key}.${inner}`, one));
  if (Array.isArray(value)) return [[key, value.join(", ") || "none"]];
  if (value === null) return [[key, "off"]];
  if (typeof value === "number" && key !== "notice.days") return [[key, formatDuration(value)]];
  return [[key, String(value) || "none"]];
}

/** Names the file that sets a key, the last one; for a list all that do; nothing for a default. */
function originOf(key: string, { files, layers }: LoadedConfig): string {
  const found = layers.flatMap((layer, i) => {
    const value = key.split(".").reduce<unknown>((at, step) => (isTable(at) ? at[step] : undefined), layer);
    return value === undefined ? [] : [{ name: basename(files[i] ?? ""), isList: Array.isArray(value) }];
  });
  const counts = found.every(({ isList }) => isList) ? found : found.slice(-1);
  return counts.length > 0 ? `  [${counts.map(({ name }) => name).join(", ")}]` : "";
}

export const checkConfigCommand = commandOf(
  "check-config",
  "find mistakes in the configuration, and show every value with the file that sets it",
  checkConfig,
).argument("[file]", "the file to check instead of /etc/vscode-grim-reaper");
