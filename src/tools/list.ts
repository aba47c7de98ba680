/** `list`: shows every tree with its verdict; `replay` prints its table through the same function. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { EXIT } from "../commands/exit.ts";
import { addConfig, addUsers, collect, type Finish } from "../commands/options.ts";
import { type Common, ownUid, portsFor, print, requestFor, silent } from "../commands/shared.ts";
import { faultLine } from "../core/observation/fault.ts";
import type { Policy } from "../core/policy/policy.ts";
import { hostDocument } from "../core/report/json.ts";
import { localMinute } from "../core/text/format.ts";
import { escapeText, safeJson } from "../core/text/safe-text.ts";
import type { Judgement, Verdict } from "../core/verdict/judge.ts";
import { VERDICTS } from "../core/verdict/orphan.ts";
import { loadConfig } from "../shell/config.ts";
import { namesOf } from "../shell/host/accounts.ts";
import { writeAll } from "../shell/output/log.ts";
import { type Look, observeAndJudge } from "../sweep/sweep.ts";
import {
  AGENT_COLUMNS,
  agentCells,
  agentRows,
  agentsDocument,
  sortAgents,
} from "./core/views/agents-view.ts";
import { limitLines } from "./core/views/limits.ts";
import {
  LIST_COLUMNS,
  listRow,
  type RowFacts,
  SORT_KEYS,
  type SortKey,
  sortTrees,
  totalsLine,
} from "./core/views/list-view.ts";
import { isBlind, shownVerdict } from "./core/views/observer.ts";
import { readLimits } from "./shell/limits.ts";
import { painter, renderTable } from "./shell/terminal.ts";

/** How `list` and `replay` show trees. */
export interface ListOptions extends Common {
  readonly sort?: SortKey;
  readonly verdict?: readonly Verdict[];
  readonly full?: boolean;
  readonly pids?: boolean;
  readonly agents?: boolean;
}

async function list(options: ListOptions): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const seen = await observeAndJudge(portsFor(silent), requestFor(policy, options));
  if (options.pids) {
    print(seen.judgements.flatMap(({ tree }) => tree.members.map(({ pid }) => pid)).join("\n"));
    return EXIT.ok;
  }
  return options.agents ? showAgents(seen, policy, options) : showTrees(seen, policy, options);
}

/** Prints every agent and kernel, those that their users run themselves too; returns the exit status. */
async function showAgents(
  { observation, judgements, faults }: Shown,
  policy: Policy,
  { json = false, full = false }: ListOptions,
): Promise<number> {
  const found = agentRows(observation, judgements, policy.catalogue);
  const names = namesOf([...new Set(found.map(({ uid }) => uid))]);
  const nameOf = (uid: number): string => names.get(uid) ?? String(uid);
  const rows = sortAgents(found, nameOf);
  if (json) print(safeJson(agentsDocument(observation, rows)));
  else if (rows.length === 0) print("No agents.");
  else {
    const cells = rows.map((row) => agentCells(row, nameOf));
    print((await renderTable(AGENT_COLUMNS, cells, full)).trimEnd());
  }
  for (const fault of faults) writeAll(2, `vscode-grim-reaper: ${escapeText(faultLine(fault))}\n`);
  return hostFailed(faults) ? EXIT.failed : EXIT.ok;
}

const hostFailed = (faults: Shown["faults"]): boolean =>
  faults.some(({ pid, uid }) => pid === undefined && uid === undefined);

/** What is shown of an observation, which may be a saved one. */
export type Shown = Pick<Look, "observation" | "judgements" | "faults">;

/** Prints the trees as a table or as JSON, and the faults to standard error; returns the exit status. */
export async function showTrees(
  seen: Shown,
  policy: Policy,
  options: ListOptions,
  live = true,
): Promise<number> {
  const { observation, faults } = seen;
  const status = hostFailed(faults) ? EXIT.failed : EXIT.ok;
  const wanted = seen.judgements.filter(
    (one) => !options.verdict || options.verdict.includes(shownVerdict(one, observation)),
  );
  if (options.json) {
    const users = live ? uidsOf(wanted).map((uid) => readLimits(uid)) : [];
    print(safeJson({ ...hostDocument(observation, wanted, faults), users }));
    return status;
  }
  if (wanted.length === 0) print(options.verdict ? "No server tree has that verdict." : "No server trees.");
  else await printTable(wanted, seen, options, live);
  if (live) printNotes(seen, policy);
  for (const fault of faults) writeAll(2, `vscode-grim-reaper: ${escapeText(faultLine(fault))}\n`);
  return status;
}

const uidsOf = (some: readonly Judgement[]): number[] => [...new Set(some.map(({ tree }) => tree.uid))];

async function printTable(
  wanted: readonly Judgement[],
  { observation }: Shown,
  { sort = "pid", full = false }: ListOptions,
  live: boolean,
): Promise<void> {
  const paint = painter();
  const names = namesOf(uidsOf(wanted));
  const facts: RowFacts = { nameOf: (uid) => names.get(uid) ?? String(uid) };
  const rows = sortTrees(wanted, sort, observation, facts).map((one) =>
    listRow(one, observation, facts, paint),
  );
  print((await renderTable(LIST_COLUMNS, rows, full)).trimEnd());
  print(`\n${paint("bold", totalsLine(wanted, observation))}`);
  for (const uid of live ? uidsOf(wanted) : [])
    for (const line of limitLines(readLimits(uid)))
      print(`${escapeText(facts.nameOf(uid))} is near a limit: ${line}`);
}

function printNotes({ observation }: Shown, policy: Policy): void {
  const kept = observation.keeps.find(({ uid }) => uid === ownUid())?.until;
  if (kept) print(`Your trees are left alone until ${localMinute(kept)}: vscode-grim-reaper keep --cancel`);
  if (isBlind(observation))
    print(
      "These are your own trees; only root can see who is connected to them.\nTo end them now: vscode-grim-reaper end",
    );
  if (!policy.enforce) print("Sweeps only observe here (enforce = false); they end nothing.");
}

/** Parses a verdict. */
function verdictOf(text: string): Verdict {
  const verdict = VERDICTS.find((one) => one === text);
  if (verdict === undefined) throw new InvalidArgumentError(`Allowed choices are ${VERDICTS.join(", ")}.`);
  return verdict;
}

/** Adds the options that `list` and `replay` share. */
export function addListOptions(command: Command): Command {
  return command
    .option("--json", "print JSON")
    .addOption(new Option("--sort <key>", "sort the rows").choices(SORT_KEYS))
    .addOption(
      new Option("--verdict <verdict>", "show only trees with this verdict (repeatable)")
        .choices(VERDICTS)
        .argParser((text, before: Verdict[] | undefined) => collect(verdictOf)(text, before)),
    )
    .option("--full", "show every column, and do not cut the last one at the edge of the terminal")
    .addOption(new Option("--no-pager", "accepted and ignored; the output is never paged").hideHelp());
}

/** Adds the command to the program. */
export function addList(program: Command, finish: Finish): void {
  const command = program
    .command("list")
    .description("show every tree with its verdict, age, CPU time, memory and the reason")
    .option(
      "--agents",
      "show every coding agent, kernel and tunnel instead, and agents that users run themselves",
    )
    .addOption(new Option("--pids", "print only the process ids of trees").hideHelp())
    .action(finish(list));
  addConfig(addUsers(addListOptions(command)));
}
