/**
 * `snapshot` writes the observation as JSON, without secrets; `replay FILE` judges a saved one, or a process listing, with
 * this host's configuration.
 */

import { readFileSync } from "node:fs";
import { Option } from "commander";
import { type Common, print } from "../commands/shared.ts";
import type { Observation } from "../core/observation/observation.ts";
import { observation as savedObservation } from "../core/observation/schema.ts";
import { localDate } from "../core/text/format.ts";
import { parseJson } from "../core/text/parse-json.ts";
import { escapeText, safeJson } from "../core/text/safe-text.ts";
import { viewOf } from "../core/tree/host-view.ts";
import { NO_ACCOUNTS } from "../core/verdict/exemption.ts";
import { judgeView, UNFORCED } from "../core/verdict/judge.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { parseListing } from "./core/replay/ps-listing.ts";
import { showTrees } from "./list.ts";
import { CONFIG, commandOf, JSON_OPTION, look } from "./options.ts";

type Format = "snapshot" | "ps";

async function snapshot(options: Common): Promise<number> {
  const { observation } = await look(options);
  print(safeJson(observation));
  return EXIT.ok;
}

function replay(file: string, options: Common & { readonly format: Format }): number {
  const { policy } = loadConfig(options.config ?? null);
  const observation = parseInput(file, options.format);
  const judgements = judgeView(viewOf(observation, policy.catalogue), {
    policy,
    accounts: NO_ACCOUNTS,
    // Exemptions with an end date count if they were in force on the day of the observation.
    today: localDate(new Date(observation.takenAt)),
    options: UNFORCED,
  });
  return showTrees({ observation, judgements, faults: observation.faults }, options);
}

function readInput(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new Failure(EXIT.failed, `${file}: cannot be read: ${(error as Error).message}`);
  }
}

/** It may come from anywhere: every field is checked, and the first wrong one named. */
function parseInput(file: string, format: Format): Observation {
  const text = readInput(file);
  const parsed = format === "ps" ? parseListing(text) : parseJson(savedObservation, text);
  if ("value" in parsed) return parsed.value;
  const remedy = format === "ps" ? "a listing with: ps -eo uid,pid,ppid,args" : "one with snapshot";
  throw new Failure(EXIT.failed, escapeText(`${file}: ${parsed.error}; make ${remedy}`));
}

export const replayCommand = commandOf(
  "replay",
  "judge a saved observation with this host's configuration",
  replay,
)
  .argument("<file>", "a file that snapshot wrote; - is standard input")
  .addOption(
    new Option("--format <format>", "snapshot, or ps: what ps -eo uid,pid,ppid,args wrote")
      .choices(["snapshot", "ps"])
      .default("snapshot"),
  )
  .addOption(JSON_OPTION)
  .addOption(CONFIG);

export const snapshotCommand = commandOf(
  "snapshot",
  "write what this host shows now as JSON, without secrets, for replay and bug reports",
  snapshot,
).addOption(CONFIG);
