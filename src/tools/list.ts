/** `list`: shows every tree with its verdict; `replay` prints its table through the same function. */

import { type Command, Option } from "commander";
import { type Common, complain, ownUid, print, printJson } from "../commands/shared.ts";
import { faultLine, isOfHost } from "../core/observation/fault.ts";
import type { Policy } from "../core/policy/policy.ts";
import { hostDocument } from "../core/report/json.ts";
import { localMinute } from "../core/text/format.ts";
import type { Verdict } from "../core/verdict/judge.ts";
import { VERDICTS } from "../core/verdict/orphan.ts";
import { EXIT } from "../shell/failure.ts";
import { namesOf } from "../shell/host/accounts.ts";
import type { Look } from "../sweep/ports.ts";
import { listColumns, SORT_KEYS, type SortKey, sortTrees, totalsLine } from "./core/views/list-view.ts";
import { asSeen, isBlind, ownOnly } from "./core/views/observer.ts";
import { argument, CONFIG, collect, commandOf, JSON_OPTION, look, USERS } from "./options.ts";
import { painter, renderTable } from "./shell/terminal.ts";

/** How `list` and `replay` show trees. */
export interface ListOptions extends Common {
  readonly sort?: SortKey;
  readonly verdict?: readonly Verdict[];
  readonly full?: boolean;
  readonly pids?: boolean;
}

async function list(options: ListOptions): Promise<number> {
  const { policy, ...seen } = await look(options);
  if (options.pids) {
    print(seen.judgements.flatMap(({ tree }) => tree.members.map(({ pid }) => pid)).join("\n"));
    return EXIT.ok;
  }
  return showTrees(seen, policy, options);
}

/** What is shown of an observation, which may be a saved one. */
export type Shown = Pick<Look, "observation" | "judgements" | "faults">;

/** Prints the trees as a table or as JSON, and the faults to standard error; returns the exit status. */
export function showTrees(seen: Shown, policy: Policy, options: ListOptions, live = true): number {
  const { observation, faults } = seen;
  const { verdict, json, sort = "pid", full } = options;
  const judgements = seen.judgements.map((one) => asSeen(one, observation));
  const wanted = judgements.filter((one) => verdict?.includes(one.verdict) ?? true);
  const uids = [...new Set(wanted.map(({ tree }) => tree.uid))];
  if (json) printJson(hostDocument(observation, wanted, faults));
  else {
    if (wanted.length === 0) print(verdict ? "No server tree has that verdict." : "No server trees.");
    else {
      const paint = painter();
      const nameOf = namesOf(uids);
      const rows = sortTrees(wanted, sort, observation, nameOf);
      print(renderTable(listColumns(observation, nameOf, paint), rows, full));
      print(`\n${paint("bold", totalsLine(wanted))}`);
    }
    if (live) printNotes(seen, policy);
  }
  for (const fault of faults) complain(faultLine(fault));
  return faults.some(isOfHost) ? EXIT.failed : EXIT.ok;
}

function printNotes({ observation, judgements }: Shown, policy: Policy): void {
  const kept = observation.keeps.find(({ uid }) => uid === ownUid())?.until;
  if (kept) print(`Your trees are left alone until ${localMinute(kept)}: vscode-grim-reaper keep --cancel`);
  if (observation.observerUid !== 0) print(ownOnly(observation));
  if (isBlind(observation) && judgements.length > 0) print("To end them now: vscode-grim-reaper end");
  if (!policy.enforce)
    print("Sweeps only observe here; they end nothing. To let them: vscode-grim-reaper enforce");
}

const verdictArgument = argument(
  (text) => VERDICTS.find((one) => one === text) ?? null,
  `Allowed choices are ${VERDICTS.join(", ")}.`,
);

/** Adds the options that `list` and `replay` share. */
export function addListOptions(command: Command): Command {
  return command
    .addOption(JSON_OPTION)
    .addOption(new Option("--sort <key>", `sort the rows by ${SORT_KEYS.join(", ")}`).choices(SORT_KEYS))
    .option(
      "--verdict <verdict>",
      `show only trees with this verdict: ${VERDICTS.join(", ")} (repeatable)`,
      collect(verdictArgument),
    )
    .option("--full", "show every column, and do not cut the last one at the edge of the terminal");
}

export const listCommand = addListOptions(
  commandOf("list", "show every tree with its verdict, age, CPU time, memory and the reason", list).addOption(
    new Option("--pids", "print only the process ids of trees").hideHelp(),
  ),
)
  .addOption(USERS)
  .addOption(CONFIG);
