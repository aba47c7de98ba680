/** `list`, `explain`, `snapshot` and `replay`: look and judge, change nothing. */

import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { type Fault, faultLine } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import { parseListing } from "../core/observation/ps-listing.ts";
import { parseSaved } from "../core/observation/snapshot-file.ts";
import type { Policy } from "../core/policy/policy.ts";
import { hintsOf, scopeOf, whatWouldChange } from "../core/report/hints.ts";
import { hostDocument, treeDocument } from "../core/report/json.ts";
import { explainLines, LIST_HEAD, listRow } from "../core/report/list-explain.ts";
import { localDate, localMinute } from "../core/text/format.ts";
import { escapeText, safeJson } from "../core/text/safe-text.ts";
import { NO_ACCOUNTS } from "../core/verdict/exemption.ts";
import { type JudgeContext, type Judgement, judge, UNFORCED } from "../core/verdict/judge.ts";
import { loadConfig, systemMinUid } from "../shell/config.ts";
import { namesOf } from "../shell/host/accounts.ts";
import { askLogind } from "../shell/host/logind.ts";
import { writeAll } from "../shell/output/log.ts";
import { painter, renderTable } from "../shell/output/terminal.ts";
import { observeAndJudge } from "../sweep/sweep.ts";
import { EXIT, Failure } from "./exit.ts";
import { addConfig, addUsers, type Finish, pidArgument } from "./options.ts";
import { type Common, noTree, ownUid, portsFor, print, requestFor, silent } from "./shared.ts";

async function list(options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const { observation, judgements, faults } = await observeAndJudge(
    portsFor(silent),
    requestFor(policy, options),
  );
  return show(observation, judgements, options.json ?? false, policy, faults);
}

async function explain(pid: number, options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const request = requestFor(policy, options, { pids: [pid] });
  const { view, observation, judgements } = await observeAndJudge(portsFor(silent), request);
  const judgement = judgements[0];
  if (!judgement) throw noTree([pid], observation);
  const scope = scopeOf(judgement.tree.root.cgroups);
  const hints = hintsOf(judgement, view, scope === null ? null : askLogind(scope));
  if (options.json) {
    const document = treeDocument(judgement, observation);
    print(safeJson({ schemaVersion: 1, ...document, hints, change: whatWouldChange(judgement) }));
  } else print(explainLines(judgement, observation, pid, hints, painter()).join("\n"));
  return 0;
}

async function snapshot(options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const { observation } = await observeAndJudge(portsFor(silent), requestFor(policy, options));
  print(safeJson(observation));
  return 0;
}

async function replay(
  file: string,
  options: Common & { readonly format: "snapshot" | "ps" },
): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const text = readInput(file);
  const observation = options.format === "ps" ? readListing(file, text) : readSaved(file, text);
  const context: JudgeContext = {
    policy,
    accounts: NO_ACCOUNTS,
    minUid: policy.minUid ?? systemMinUid(),
    // The day of the observation: exemptions then in force count.
    today: localDate(new Date(observation.takenAt)),
    options: UNFORCED,
  };
  return show(observation, judge(observation, context), options.json ?? false, policy, observation.faults);
}

function readInput(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new Failure(EXIT.failed, `${file}: cannot be read: ${(error as Error).message}`);
  }
}

function readListing(file: string, text: string): Observation {
  const { observation, errors } = parseListing(text);
  if (errors.length > 0)
    throw new Failure(
      EXIT.failed,
      errors.map(({ line, message }) => `${file}:${line}: ${message}`).join("\n"),
    );
  return observation;
}

function readSaved(file: string, text: string): Observation {
  const result = parseSaved(text);
  if ("error" in result)
    throw new Failure(EXIT.failed, escapeText(`${file}: ${result.error}; make one with snapshot`));
  return result.observation;
}

async function show(
  observation: Observation,
  judgements: readonly Judgement[],
  json: boolean,
  policy: Policy,
  faults: readonly Fault[],
): Promise<number> {
  const failed = faults.some(({ pid, uid }) => pid === undefined && uid === undefined);
  if (json) {
    print(safeJson(hostDocument(observation, judgements, faults)));
    return failed ? EXIT.failed : EXIT.ok;
  }
  const paint = painter();
  const names = namesOf([...new Set(judgements.map(({ tree }) => tree.uid))]);
  const rows = judgements.map((one) =>
    listRow(one, observation, (uid) => names.get(uid) ?? String(uid), paint),
  );
  print(rows.length > 0 ? (await renderTable(LIST_HEAD, rows)).trimEnd() : "No server trees.");
  const kept = observation.keeps.find(({ uid }) => uid === ownUid())?.until;
  if (kept) print(`Your trees are left alone until ${localMinute(kept)}: vscode-grim-reaper keep --cancel`);
  if (!policy.enforce) print("Observing only (enforce = false): a sweep ends nothing.");
  for (const fault of faults) writeAll(2, `vscode-grim-reaper: ${escapeText(faultLine(fault))}\n`);
  return failed ? EXIT.failed : EXIT.ok;
}

export function addLook(program: Command, finish: Finish): void {
  const listCommand = program
    .command("list")
    .description("every tree with its verdict, age, memory and client")
    .option("--json", "as JSON", false)
    .action(finish(list));
  addConfig(addUsers(listCommand));

  addConfig(
    program
      .command("explain")
      .description("every fact about one tree, the rule that decided, and what would change it")
      .argument("<pid>", "any process of the tree", pidArgument)
      .option("--json", "as JSON", false)
      .action(finish(explain)),
  );
  addConfig(
    program
      .command("snapshot")
      .description("write what is seen as JSON, secrets removed, for replay and bug reports")
      .action(finish(snapshot)),
  );
  addConfig(
    program
      .command("replay")
      .description("judge a saved observation with this host's configuration")
      .argument("<file>", "made by snapshot; - is standard input")
      .addOption(
        new Option("--format <format>", "ps: lines of uid<TAB>pid<TAB>ppid<TAB>args")
          .choices(["snapshot", "ps"])
          .default("snapshot"),
      )
      .option("--json", "as JSON", false)
      .action(finish(replay)),
  );
}
