/** `clean`: a user removes old server versions from their own home. */

import { homedir, hostname } from "node:os";
import type { Command } from "commander";
import { confirm } from "../commands/confirm-force.ts";
import { EXIT, Failure } from "../commands/exit.ts";
import { addConfig, durationArgument, type Finish } from "../commands/options.ts";
import { type Common, complain, isRoot, ownUid, print } from "../commands/shared.ts";
import { formatDuration } from "../core/text/duration.ts";
import { countOf, formatMemory } from "../core/text/format.ts";
import { escapeText, safeJson } from "../core/text/safe-text.ts";
import { loadConfig } from "../shell/config.ts";
import { writeAll } from "../shell/output/log.ts";
import { type Choice, chooseVersions } from "./core/clean/choose.ts";
import { serverFolders } from "./core/clean/layout.ts";
import { CLEAN_COLUMNS, cleanDocument, removedKiB, shortVersion } from "./core/clean/view.ts";
import { findVersions } from "./shell/clean/find-versions.ts";
import { measured, removeVersion } from "./shell/clean/remove-version.ts";
import { runningVersions } from "./shell/clean/running.ts";
import { renderTable } from "./shell/terminal.ts";

interface CleanOptions extends Common {
  readonly older: number;
  readonly yes: boolean;
}

const DEFAULT_OLDER_MS = 30 * 86_400_000;

const EXAMPLES = `
Examples:
  vscode-grim-reaper clean                 what old server versions take up, and which could go
  vscode-grim-reaper clean --yes           remove those that were not used for 30 days
  vscode-grim-reaper clean --older 7d      with another age

Extensions and settings are not touched, and an editor that needs a removed version downloads it again. These stay: the
newest version of each product and the last one used, what runs on this host, and what has a log or a lock that was
written within a day, perhaps by a server on another host with the same home.

Exit status: 0 all well; 1 something could not be read or removed; 64 usage, or the caller is root.`;

async function clean(options: CleanOptions): Promise<number> {
  // Guard: root never opens a home; whoever rules its folders could lead root anywhere.
  if (isRoot()) throw new Failure(EXIT.usage, "root does not clean; each user runs it for their own home");
  const { policy } = loadConfig(options.config ?? null);
  const uid = ownUid();
  const found = findVersions(homedir(), uid, serverFolders(policy.catalogue), runningVersions(uid));
  progress(`Measuring ${countOf(found.versions.length, "version")} …`);
  const { versions, errors: unmeasured } = measured(found.versions);
  const errors = [...found.errors, ...unmeasured];
  const choices = chooseVersions(versions, options.older, Date.now());
  const chosen = choices.filter(({ remove }) => remove);
  progress("");
  if (!options.json) print(choices.length > 0 ? renderTable(CLEAN_COLUMNS, choices) : "No server versions.");
  const wanted = chosen.length > 0 && (options.yes || (!options.json && (await isWanted(choices))));
  const outcome = wanted ? chosen.map((choice) => removed(choice, uid, errors)) : chosen;
  progress("");
  const result = choices.map((choice) => outcome.find(({ version }) => version === choice.version) ?? choice);
  if (options.json) print(safeJson(cleanDocument(hostname(), result, wanted, errors)));
  else print(lastLine(result, wanted));
  for (const error of errors) complain(error);
  return errors.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Says on a terminal what takes long; an empty text erases the line. */
function progress(text: string): void {
  if (process.stderr.isTTY) writeAll(2, `\r\u001b[K${text}`);
}

function removed(choice: Choice, uid: number, errors: string[]): Choice {
  const { version } = choice;
  progress(`Removing ${escapeText(version.product)} ${shortVersion(version.version)} …`);
  try {
    // The processes of this moment, not those of the first look.
    const spared = removeVersion(version, uid, (...asked) => runningVersions(uid)(...asked));
    return spared === null ? choice : { version, remove: false, reason: spared };
  } catch (error) {
    const reason = `not removed: ${(error as Error).message}`;
    errors.push(`${version.folder}: ${version.version}: ${reason}`);
    return { version, remove: false, reason };
  }
}

/** Asks on a terminal; elsewhere returns false. */
async function isWanted(choices: readonly Choice[]): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return false;
  return confirm(`Remove ${removable(choices)}, ${formatMemory(removedKiB(choices))}?`);
}

const removable = (choices: readonly Choice[]): string =>
  countOf(choices.filter(({ remove }) => remove).length, "version");

function lastLine(choices: readonly Choice[], removedThem: boolean): string {
  const what = `${removable(choices)}, ${formatMemory(removedKiB(choices))}`;
  if (removedThem) return `Removed ${what}.`;
  return choices.some(({ remove }) => remove)
    ? `Would remove ${what}. To remove them: vscode-grim-reaper clean --yes`
    : "Nothing to remove.";
}

export function addClean(program: Command, finish: Finish): void {
  addConfig(
    program
      .command("clean")
      .description("show what old server versions take up in your home, and remove them")
      .option(
        "--older <duration>",
        `remove what was not used for this long (default: ${formatDuration(DEFAULT_OLDER_MS)})`,
        durationArgument,
        DEFAULT_OLDER_MS,
      )
      .option("-y, --yes", "remove them without a question", false)
      .option("--json", "as JSON; with --yes it removes them as well", false)
      .addHelpText("after", EXAMPLES)
      .action(finish(clean)),
  );
}
