/** `replay FILE`: judges a saved observation, or a process listing, with this host's configuration. */

import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { EXIT, Failure } from "../commands/exit.ts";
import { addConfig, type Finish } from "../commands/options.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { Catalogue } from "../core/recognition/catalogue.ts";
import { localDate } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { type HostView, viewOf } from "../core/tree/host-view.ts";
import { NO_ACCOUNTS } from "../core/verdict/exemption.ts";
import { type JudgeContext, judgeView, UNFORCED } from "../core/verdict/judge.ts";
import { loadConfig, systemMinUid } from "../shell/config.ts";
import { recogniseRows } from "./core/replay/cut-rows.ts";
import { parseListing } from "./core/replay/ps-listing.ts";
import { parseSaved } from "./core/replay/snapshot-file.ts";
import { addListOptions, type ListOptions, showTrees } from "./list.ts";

/** Of a file that is something else altogether, the first lines say enough. */
const MAX_ERRORS = 3;

async function replay(
  file: string,
  options: ListOptions & { readonly format: "snapshot" | "ps" },
): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const text = readInput(file);
  const view = viewIn(file, text, options.format, policy.catalogue);
  const { observation } = view;
  const context: JudgeContext = {
    policy,
    accounts: NO_ACCOUNTS,
    minUid: policy.minUid ?? systemMinUid(),
    // Exemptions with an end date count if they were in force on the day of the observation.
    today: localDate(new Date(observation.takenAt)),
    options: UNFORCED,
  };
  const judgements = judgeView(view, context);
  return showTrees({ observation, judgements, faults: observation.faults }, policy, options, false);
}

function viewIn(file: string, text: string, format: "snapshot" | "ps", catalogue: Catalogue): HostView {
  if (format === "snapshot") return viewOf(readSaved(file, text), catalogue);
  const listing = readListing(file, text);
  return viewOf(listing, catalogue, recogniseRows(listing, catalogue));
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
      [
        ...errors.slice(0, MAX_ERRORS).map(({ line, message }) => `${file}:${line}: ${message}`),
        ...(errors.length > MAX_ERRORS
          ? [`… and ${errors.length - MAX_ERRORS} more lines; make a listing with: ps -eo uid,pid,ppid,args`]
          : []),
      ].join("\n"),
    );
  return observation;
}

function readSaved(file: string, text: string): Observation {
  const result = parseSaved(text);
  if ("error" in result)
    throw new Failure(EXIT.failed, escapeText(`${file}: ${result.error}; make one with snapshot`));
  return result.observation;
}

/** Adds the command to the program. */
export function addReplay(program: Command, finish: Finish): void {
  const command = program
    .command("replay")
    .description("judge a saved observation with this host's configuration")
    .argument("<file>", "a file that snapshot wrote; - is standard input")
    .addOption(
      new Option("--format <format>", "what the file holds: a snapshot, or the output of ps")
        .choices(["snapshot", "ps"])
        .default("snapshot"),
    )
    .action(finish(replay));
  addConfig(addListOptions(command));
}
