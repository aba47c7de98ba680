/** `clean`: a user removes old server versions from their own home. */

import { homedir } from "node:os";
import { type Common, complain, ownUid, print } from "../commands/shared.ts";
import { countOf, formatMemory } from "../core/text/format.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { confirm } from "./confirm-force.ts";
import { type Choice, CLEAN_COLUMNS, chooseVersions } from "./core/clean/choose.ts";
import { serverFolders } from "./core/clean/layout.ts";
import { CONFIG, commandOf, durationArgument, isRoot } from "./options.ts";
import { findVersions, runningVersions } from "./shell/find-versions.ts";
import { removeVersion } from "./shell/remove-version.ts";
import { renderTable } from "./shell/terminal.ts";

interface CleanOptions extends Common {
  readonly older: number;
  readonly yes: boolean;
}

const DEFAULT_OLDER_MS = 30 * 86_400_000;

const EXAMPLES = `
Examples:
  vscode-grim-reaper clean             what old versions take up; which can go
  vscode-grim-reaper clean --yes       remove those not used for 30 days
  vscode-grim-reaper clean --older 7d  with another age

Extensions and settings are not touched, and an editor that needs a removed
version downloads it again. These stay: the newest version of each product and
the last one used, what runs on this host, and what has a log or a lock that was
written within a day, perhaps by a server on another host with the same home.`;

async function clean(options: CleanOptions): Promise<number> {
  // Guard: root never opens a home; whoever rules its folders could lead root anywhere.
  if (isRoot()) throw new Failure(EXIT.usage, "root does not clean; each user runs it for their own home");
  const { policy } = loadConfig(options.config ?? null);
  const uid = ownUid();
  if (process.stderr.isTTY) complain("looking for versions and measuring them …");
  const folders = serverFolders(policy.catalogue);
  const { versions, errors } = findVersions(homedir(), uid, folders, runningVersions());
  const choices = chooseVersions(versions, options.older, Date.now());
  const chosen = choices.filter(({ remove }) => remove);
  print(choices.length > 0 ? renderTable(CLEAN_COLUMNS, choices) : "No server versions.");
  const mayAsk = process.stdin.isTTY && process.stdout.isTTY;
  const agreed = async () => options.yes || (mayAsk && (await confirm(`Remove ${inWords(chosen)}?`)));
  if (chosen.length === 0) print("Nothing to remove.");
  else if (await agreed()) print(`Removed ${inWords(chosen.filter((one) => isRemoved(one, uid, errors)))}.`);
  else print(`Would remove ${inWords(chosen)}. To remove them: vscode-grim-reaper clean --yes`);
  for (const error of errors) complain(error);
  return errors.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Removes a version. Where it stays after all, says why, or adds the error. */
function isRemoved(choice: Choice, uid: number, errors: string[]): boolean {
  const name = `${choice.folder}: ${choice.version}`;
  try {
    // The processes of this moment, not those of the first look.
    const spared = removeVersion(choice, uid, (...asked) => runningVersions()(...asked));
    if (spared !== null) complain(`${name}: left alone: ${spared}`);
    return spared === null;
  } catch (error) {
    errors.push(`${name}: not removed: ${(error as Error).message}`);
    return false;
  }
}

/** KiB of versions; unmeasured ones count as nothing. */
const sizeOf = (some: readonly Choice[]): number => some.reduce((sum, { kib }) => sum + (kib ?? 0), 0);
const inWords = (some: readonly Choice[]): string =>
  `${countOf(some.length, "version")}, ${formatMemory(sizeOf(some))}`;

export const cleanCommand = commandOf(
  "clean",
  "show what old server versions take up in your home, and remove them",
  clean,
)
  .option(
    "--older <duration>",
    "remove what was not used for this long (default: 30d)",
    durationArgument,
    DEFAULT_OLDER_MS,
  )
  .option("-y, --yes", "remove them without a question", false)
  .addOption(CONFIG)
  .addHelpText("after", EXAMPLES);
