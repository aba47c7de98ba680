/** `keep`: users ask that their own trees be left alone for a while. */

import { hostname } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { DURATION_HELP, formatDuration, parseDuration } from "../core/text/duration.ts";
import { localMinute } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { loadConfig } from "../shell/config.ts";
import { writeAll } from "../shell/output/log.ts";
import {
  KEEP_FOLDER,
  KeepFolderError,
  readKeeps,
  removeKeep,
  writeKeep,
} from "../shell/store/keep-requests.ts";
import { EXIT, Failure } from "./exit.ts";
import { addConfig, type Finish } from "./options.ts";
import { type Common, isRoot, ownUid, print } from "./shared.ts";

const DEFAULT_MS = 8 * 3_600_000;

interface KeepOptions extends Common {
  readonly cancel: boolean;
  readonly show: boolean;
}

const EXAMPLES = `
Examples:
  vscode-grim-reaper keep              for eight hours
  vscode-grim-reaper keep 24h          until this time tomorrow
  vscode-grim-reaper keep --show       show until when
  vscode-grim-reaper keep --cancel     withdraw the request

It holds on this login node only. The site limits how long it may be ([keep] in its configuration), and an administrator
can still end the trees.

Exit status: 0 all well; 1 it could not be done; 64 usage; 77 the site does not allow such requests.`;

function runKeep(duration: number | undefined, options: KeepOptions): number {
  if (options.cancel && options.show) throw new Failure(EXIT.usage, "give either --cancel or --show");
  if (duration !== undefined && (options.cancel || options.show))
    throw new Failure(EXIT.usage, "--cancel and --show take no duration");
  if (isRoot())
    throw new Failure(
      EXIT.usage,
      "root's own trees are never ended; to exempt a user, add an [[exempt]] to the configuration",
    );
  const { policy } = loadConfig(options.config ?? null);
  const { max } = policy.keep;
  if (options.show) return show(max);
  if (options.cancel) {
    print(act(() => removeKeep(KEEP_FOLDER, ownUid())) ? "Withdrawn." : "There was no request.");
    return EXIT.ok;
  }
  if (max === 0)
    throw new Failure(EXIT.denied, "this site does not allow such requests; ask its administrators");
  const asked = duration ?? Math.min(DEFAULT_MS, max);
  const until = Date.now() + Math.min(asked, max);
  act(() => writeKeep(KEEP_FOLDER, ownUid(), until));
  const capped = asked > max ? ` (this site allows at most ${formatDuration(max)})` : "";
  print(
    `Your servers on ${hostname()} are left alone until ${localMinute(until)}${capped}.\nWithdraw it with: vscode-grim-reaper keep --cancel`,
  );
  return EXIT.ok;
}

function show(max: number): number {
  const { keeps, faults } = readKeeps(KEEP_FOLDER, [ownUid()], max, Date.now());
  for (const { what, detail } of faults) writeAll(2, `vscode-grim-reaper: cannot ${what}: ${detail}\n`);
  const until = keeps[0]?.until;
  print(
    until
      ? `Your servers on ${hostname()} are left alone until ${localMinute(until)}.`
      : "There is no request.",
  );
  return faults.length > 0 ? EXIT.failed : EXIT.ok;
}

function act<T>(what: () => T): T {
  try {
    return what();
  } catch (error) {
    const where = error instanceof KeepFolderError ? `${KEEP_FOLDER}: ` : "";
    throw new Failure(
      EXIT.failed,
      escapeText(`cannot make the request: ${where}${(error as Error).message}`),
    );
  }
}

function durationArgument(text: string): number {
  const ms = parseDuration(text);
  if (ms === null || ms === 0) throw new InvalidArgumentError(`It must be ${DURATION_HELP}.`);
  return ms;
}

/** Adds the command to the program. */
export function addKeep(program: Command, finish: Finish): void {
  addConfig(
    program
      .command("keep")
      .description("have your own trees left alone for a while, even without a connection")
      .argument("[duration]", `${DURATION_HELP} (default: 8h)`, durationArgument)
      .addOption(new Option("--cancel", "withdraw the request").default(false))
      .addOption(new Option("--show", "show until when; change nothing").default(false))
      .addHelpText("after", EXAMPLES)
      .action(finish(runKeep)),
  );
}
