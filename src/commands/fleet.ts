/** `fleet`: shows the documents of many hosts in one table. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { countCells, type Fleet, HOST_HEAD, mergeFleet } from "../core/cluster/fleet.ts";
import { type FleetFile, FleetInput } from "../core/cluster/fleet-input.ts";
import { type Fault, faultLine } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { Policy } from "../core/policy/policy.ts";
import { hostDocument } from "../core/report/json.ts";
import { formatDuration, parseDuration } from "../core/text/duration.ts";
import { countOf, formatMemory, localDate } from "../core/text/format.ts";
import { escapeText, safeJson } from "../core/text/safe-text.ts";
import { contextFor, judge } from "../core/verdict/judge.ts";
import { loadConfig, systemMinUid } from "../shell/config.ts";
import { namesOf } from "../shell/host/accounts.ts";
import { writeAll } from "../shell/output/log.ts";
import { countColumns, renderTable } from "../shell/output/terminal.ts";
import { readLines } from "../shell/store/read-lines.ts";
import { EXIT } from "./exit.ts";
import { addConfig, type Finish } from "./options.ts";
import { type Common, print } from "./shared.ts";

interface FleetOptions extends Common {
  readonly maxAge: number;
}

/** Guard: an endless file is not read to its end. 500 hosts of 200 trees are 150 MB. */
const MAX_INPUT_BYTES = 1_073_741_824;
/** Guard: each name is a look-up that may be slow, and a file may contain any number of uids. */
const MAX_USERS = 100;
/** Hosts named in one cell. */
const MAX_PLACES = 6;

async function fleet(files: readonly string[], options: FleetOptions): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const parsed = files.map((file) => parseFile(file, policy));
  const merged = mergeFleet(parsed, Date.now(), options.maxAge);
  if (options.json) print(safeJson(merged));
  else {
    print(await textOf(merged));
    for (const fault of merged.errors) writeAll(2, `vscode-grim-reaper: ${escapeText(faultLine(fault))}\n`);
  }
  return merged.errors.length > 0 ? EXIT.failed : EXIT.ok;
}

function parseFile(file: string, policy: Policy): FleetFile {
  const name = file === "-" ? "standard input" : file;
  const input = new FleetInput(name, (observation) => judgeSaved(observation, policy));
  try {
    readLines(file, MAX_INPUT_BYTES, (line) => input.add(line));
    return input.end();
  } catch (error) {
    const fault: Fault = { what: `read ${name}`, detail: (error as Error).message };
    return { reports: [], faults: [fault] };
  }
}

/** Judges a snapshot as `replay` does: with the policy of this host, on the day of the snapshot. */
function judgeSaved(observation: Observation, policy: Policy): ReturnType<typeof hostDocument> {
  const day = localDate(new Date(observation.takenAt));
  const context = { ...contextFor(policy, day), minUid: policy.minUid ?? systemMinUid() };
  return hostDocument(observation, judge(observation, context), observation.faults);
}

async function textOf({ hosts, users, totals, notes }: Fleet): Promise<string> {
  if (hosts.length === 0) return "No hosts.";
  const now = Date.now();
  const rows = hosts.map((host) => [
    ...countCells(host.host, host),
    formatMemory(Math.round(host.memoryKiB)),
    formatMemory(Math.round(host.orphanedKiB)),
    `${formatDuration(now - host.takenAt)} ago`,
  ]);
  const memory = [totals.memoryKiB, totals.orphanedKiB].map((kib) => formatMemory(Math.round(kib)));
  const sum = [...countCells(countOf(totals.hosts, "host"), totals), ...memory, ""];
  const parts = [
    await renderTable(countColumns([...HOST_HEAD, "MEMORY", "ORPHANED", "TAKEN"]), [...rows, sum]),
  ];
  if (users.length > 0) {
    const shown = users.slice(0, MAX_USERS);
    const names = namesOf(shown.map(({ uid }) => uid));
    const userRows = shown.map(({ uid, trees, memoryKiB, attached, orphaned, other }) => [
      escapeText(names.get(uid) ?? String(uid)),
      String(trees),
      places(attached),
      places(orphaned),
      places(other),
      formatMemory(Math.round(memoryKiB)),
    ]);
    const head = [
      { head: "USER" },
      { head: "TREES", align: "right" },
      { head: "ATTACHED" },
      { head: "ORPHANED" },
      { head: "OTHER" },
      { head: "MEMORY", align: "right" },
    ] as const;
    const rest = users.length > MAX_USERS ? `and ${users.length - MAX_USERS} more; --json has all\n` : "";
    parts.push(`Users with trees on several hosts\n${await renderTable(head, userRows)}${rest}`);
  }
  if (notes.length > 0) parts.push(`${notes.map(escapeText).join("\n")}\n`);
  return parts.join("\n").trimEnd();
}

function places(names: readonly string[]): string {
  const more = names.length - MAX_PLACES;
  const shown = names.slice(0, MAX_PLACES).join(" ") || "-";
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function ageArgument(text: string): number {
  const age = parseDuration(text);
  if (age === null) throw new InvalidArgumentError('It must be a duration such as "90s", "10m" or "2d".');
  return age;
}

const EXAMPLES = `
Examples:
  clush -w 'login[1-4]' vscode-grim-reaper list --json | vscode-grim-reaper fleet -
  pdsh -w 'login[1-4]' vscode-grim-reaper list --json | vscode-grim-reaper fleet -
  ansible login -b -m shell -a 'vscode-grim-reaper list --json || true' | vscode-grim-reaper fleet -
  vscode-grim-reaper fleet login*.json        one file per host, from list --json or snapshot

Exit status: 0 all well; 1 a host is missing: its document is unreadable, torn, too old or reports faults.`;

/** Adds the command to the program. */
export function addFleet(program: Command, finish: Finish): void {
  addConfig(
    program
      .command("fleet")
      .description("show many hosts in one table, and the users with trees on several of them")
      .argument(
        "<file...>",
        "documents of list --json or snapshot, one per file or per line; - is standard input",
      )
      .option("--json", "print JSON")
      .addOption(
        new Option("--max-age <duration>", "treat an older document as a fault")
          .argParser(ageArgument)
          .default(86_400_000, "1d"),
      )
      .addHelpText("after", EXAMPLES)
      .action(finish(fleet)),
  );
}
