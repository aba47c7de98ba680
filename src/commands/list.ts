/** `list`: shows every tree with its verdict; `replay` prints its table through the same function. */

import type { Command } from "commander";
import type { Costs } from "../core/costs/costs.ts";
import { limitLines } from "../core/costs/words.ts";
import { faultLine } from "../core/observation/fault.ts";
import type { Policy } from "../core/policy/policy.ts";
import { hostDocument } from "../core/report/json.ts";
import { LIST_HEAD, listRow } from "../core/report/list-explain.ts";
import { localMinute } from "../core/text/format.ts";
import { escapeText, safeJson } from "../core/text/safe-text.ts";
import { loadConfig } from "../shell/config.ts";
import { measureCosts } from "../shell/costs/measure-costs.ts";
import { namesOf } from "../shell/host/accounts.ts";
import { writeAll } from "../shell/output/log.ts";
import { painter, renderTable } from "../shell/output/terminal.ts";
import { type Look, observeAndJudge } from "../sweep/sweep.ts";
import { EXIT } from "./exit.ts";
import { addConfig, addUsers, type Finish } from "./options.ts";
import { type Common, ownUid, portsFor, print, requestFor, silent } from "./shared.ts";

async function list(options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const seen = await observeAndJudge(portsFor(silent), requestFor(policy, options));
  const trees = seen.judgements.map(({ tree }) => tree);
  const costs = measureCosts(trees, { procRoot: "/proc", ticksPerSecond: seen.observation.ticksPerSecond });
  return showTrees(seen, policy, options.json ?? false, costs);
}

/** Prints the trees as a table or as JSON, and the faults to standard error; returns the exit status. */
export async function showTrees(
  seen: Omit<Look, "view">,
  policy: Policy,
  json: boolean,
  costs: Costs | null = null,
): Promise<number> {
  const { observation, judgements, faults } = seen;
  const failed = faults.some(({ pid, uid }) => pid === undefined && uid === undefined);
  const status = failed ? EXIT.failed : EXIT.ok;
  if (json) {
    print(safeJson(hostDocument(observation, judgements, faults, [], true, costs)));
    return status;
  }
  const paint = painter();
  const names = namesOf([...new Set(judgements.map(({ tree }) => tree.uid))]);
  const nameOf = (uid: number): string => names.get(uid) ?? String(uid);
  const rows = judgements.map((one, i) => listRow(one, observation, nameOf, paint, costs?.trees[i]));
  print(rows.length > 0 ? (await renderTable(LIST_HEAD, rows)).trimEnd() : "No server trees.");
  for (const user of costs?.users ?? [])
    for (const line of limitLines(user)) print(`${escapeText(nameOf(user.uid))} is near a limit: ${line}`);
  const kept = observation.keeps.find(({ uid }) => uid === ownUid())?.until;
  if (kept) print(`Your trees are left alone until ${localMinute(kept)}: vscode-grim-reaper keep --cancel`);
  if (!policy.enforce) print("Observing only (enforce = false): a sweep ends nothing.");
  for (const fault of faults) writeAll(2, `vscode-grim-reaper: ${escapeText(faultLine(fault))}\n`);
  return status;
}

/** Adds the command to the program. */
export function addList(program: Command, finish: Finish): void {
  const command = program
    .command("list")
    .description("show every tree with its verdict, age, memory and client")
    .option("--json", "print JSON", false)
    .action(finish(list));
  addConfig(addUsers(command));
}
