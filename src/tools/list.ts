/** `list`: shows every tree with its verdict; `replay` prints its table through the same function. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { EXIT } from "../commands/exit.ts";
import { addConfig, addUsers, collect, type Finish } from "../commands/options.ts";
import {
  type Common,
  complain,
  ownUid,
  portsFor,
  print,
  printJson,
  requestFor,
  silent,
} from "../commands/shared.ts";
import { faultLine, isOfHost } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { Policy } from "../core/policy/policy.ts";
import { hostDocument } from "../core/report/json.ts";
import { localMinute } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import type { Judgement, Verdict } from "../core/verdict/judge.ts";
import { VERDICTS } from "../core/verdict/orphan.ts";
import { loadConfig } from "../shell/config.ts";
import { namesOf } from "../shell/host/accounts.ts";
import { type Look, observeAndJudge } from "../sweep/sweep.ts";
import { agentColumns, agentRows, agentsDocument, sortAgents } from "./core/views/agents-view.ts";
import { limitLines, type UserLimits } from "./core/views/limits.ts";
import { listColumns, SORT_KEYS, type SortKey, sortTrees, totalsLine } from "./core/views/list-view.ts";
import { isBlind, ownOnly, shownVerdict } from "./core/views/observer.ts";
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
function showAgents(seen: Shown, policy: Policy, { json, full }: ListOptions): number {
  const { observation, judgements } = seen;
  const found = agentRows(observation, judgements, policy.catalogue);
  const nameOf = namesOf(found.map(({ uid }) => uid));
  const rows = sortAgents(found, nameOf);
  if (json) printJson(agentsDocument(observation, rows));
  else {
    print(rows.length === 0 ? "No agents." : renderTable(agentColumns(nameOf), rows, full));
    if (observation.observerUid !== 0) print(ownOnly(observation));
  }
  return reportFaults(seen);
}

/** Prints the faults to standard error; returns the exit status. */
function reportFaults({ faults }: Shown): number {
  for (const fault of faults) complain(faultLine(fault));
  return faults.some(isOfHost) ? EXIT.failed : EXIT.ok;
}

/** What is shown of an observation, which may be a saved one. */
export type Shown = Pick<Look, "observation" | "judgements" | "faults">;

/** Prints the trees as a table or as JSON, and the faults to standard error; returns the exit status. */
export function showTrees(seen: Shown, policy: Policy, options: ListOptions, live = true): number {
  const { observation, faults } = seen;
  const wanted = seen.judgements.filter(
    (one) => !options.verdict || options.verdict.includes(shownVerdict(one, observation)),
  );
  const owners = [...new Set(wanted.map(({ tree }) => tree.uid))];
  const limits = live ? owners.map((uid) => readLimits(uid)) : [];
  if (options.json) printJson({ ...hostDocument(observation, wanted, faults), users: limits });
  else {
    if (wanted.length === 0) print(options.verdict ? "No server tree has that verdict." : "No server trees.");
    else printTable(wanted, observation, limits, options);
    if (live) printNotes(seen, policy);
  }
  return reportFaults(seen);
}

function printTable(
  wanted: readonly Judgement[],
  observation: Observation,
  limits: readonly UserLimits[],
  { sort = "pid", full }: ListOptions,
): void {
  const paint = painter();
  const nameOf = namesOf(wanted.map(({ tree }) => tree.uid));
  const rows = sortTrees(wanted, sort, observation, nameOf);
  print(renderTable(listColumns(observation, nameOf, paint), rows, full));
  print(`\n${paint("bold", totalsLine(wanted, observation))}`);
  for (const one of limits)
    for (const line of limitLines(one)) print(`${escapeText(nameOf(one.uid))} is near a limit: ${line}`);
}

function printNotes({ observation, judgements }: Shown, policy: Policy): void {
  const kept = observation.keeps.find(({ uid }) => uid === ownUid())?.until;
  if (kept) print(`Your trees are left alone until ${localMinute(kept)}: vscode-grim-reaper keep --cancel`);
  if (observation.observerUid !== 0) print(ownOnly(observation));
  if (isBlind(observation) && judgements.length > 0) print("To end them now: vscode-grim-reaper end");
  if (!policy.enforce)
    print("Sweeps only observe here; they end nothing. To let them: vscode-grim-reaper enforce");
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
    .option("--full", "show every column, and do not cut the last one at the edge of the terminal");
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
