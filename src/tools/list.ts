/** `list`: shows every tree with its verdict; `replay` prints its table through the same function. */

import { Option } from "commander";
import { type Common, complain, ownUid, print, printJson } from "../commands/shared.ts";
import { faultLine, isOfHost } from "../core/observation/fault.ts";
import type { Policy } from "../core/policy/policy.ts";
import { hostDocument } from "../core/report/json.ts";
import { localMinute } from "../core/text/format.ts";
import { EXIT } from "../shell/failure.ts";
import { namesOf } from "../shell/host/accounts.ts";
import type { Look } from "../sweep/ports.ts";
import { listColumns, totalsLine } from "./core/views/list-view.ts";
import { asSeen, isBlind, ownOnly } from "./core/views/observer.ts";
import { CONFIG, commandOf, JSON_OPTION, look, USERS } from "./options.ts";
import { painter, renderTable } from "./shell/terminal.ts";

async function list(options: Common & { readonly pids?: boolean }): Promise<number> {
  const { policy, ...seen } = await look(options);
  if (options.pids) {
    print(seen.judgements.flatMap(({ tree }) => tree.members.map(({ pid }) => pid)).join("\n"));
    return EXIT.ok;
  }
  const status = showTrees(seen, options);
  if (!options.json) printNotes(seen, policy);
  return status;
}

/** What is shown of an observation, which may be a saved one. */
export type Shown = Pick<Look, "observation" | "judgements" | "faults">;

/** Prints the trees as a table or as JSON, and the faults to standard error; returns the exit status. */
export function showTrees(seen: Shown, { json }: Common): number {
  const { observation, faults } = seen;
  const judgements = seen.judgements.map((one) => asSeen(one, observation));
  if (json) printJson(hostDocument(observation, judgements, faults));
  else if (judgements.length === 0) print("No server trees.");
  else {
    const paint = painter();
    const nameOf = namesOf(judgements.map(({ tree }) => tree.uid));
    print(renderTable(listColumns(observation, nameOf, paint), judgements));
    print(`\n${paint("bold", totalsLine(judgements))}`);
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

export const listCommand = commandOf(
  "list",
  "show every tree with its verdict, age, CPU time, memory and the reason",
  list,
)
  .addOption(JSON_OPTION)
  .addOption(new Option("--pids", "print only the process ids of trees").hideHelp())
  .addOption(USERS)
  .addOption(CONFIG);
