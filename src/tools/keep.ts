/** `keep`: users have their own trees left alone for a while. */

import { hostname } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Common, isRoot, ownUid, print } from "../commands/shared.ts";
import type { Keep } from "../core/observation/observation.ts";
import { DURATION_HELP, formatDuration, parseDuration } from "../core/text/duration.ts";
import { localMinute } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { loadNative } from "../shell/host/native.ts";
import { addConfig, type Finish } from "./options.ts";
import { endKeeps, killsAtLogout, readKeeps, startKeep } from "./shell/keep.ts";

interface KeepOptions extends Common {
  readonly cancel: boolean;
}

const EXAMPLES = `
Examples:
  vscode-grim-reaper keep 8h        for eight hours, after an earlier one too
  vscode-grim-reaper keep           show until when
  vscode-grim-reaper keep --cancel  withdraw the request

The request is a process of yours, which "ps" shows, on this login node only. A
reboot ends it. The site limits how long it counts for a tree without a
connection ([keep] max), and an administrator can still end the trees.

Exit status: 0 all well; 1 it could not be done; 64 usage; 77 the site does not
allow such requests.`;

async function runKeep(duration: number | undefined, options: KeepOptions): Promise<number> {
  if (duration !== undefined && options.cancel) throw new Failure(EXIT.usage, "--cancel takes no duration");
  if (isRoot())
    throw new Failure(
      EXIT.usage,
      "root's own trees are never ended; to exempt a user, add an [[exempt]] to the configuration",
    );
  const native = loadNative();
  const before = await readKeeps(native, ownUid());
  if (options.cancel) {
    await endKeeps(native, before);
    print(before.length > 0 ? "Withdrawn." : "There was no request.");
  } else if (duration === undefined) show(before);
  else {
    start(duration, loadConfig(options.config ?? null).policy.keep.max);
    await endKeeps(native, before);
  }
  return EXIT.ok;
}

function show(keeps: readonly Keep[]): void {
  const [first] = keeps;
  if (first === undefined) {
    print("There is no request.");
    return;
  }
  const until = Math.max(...keeps.map((keep) => keep.until ?? 0));
  const when = until > 0 ? `until ${localMinute(until)}` : "for as long as that process lives";
  print(`Your servers on ${hostname()} are left alone ${when} (process ${first.pid}).\n${earlyEnd()}`);
}

function start(asked: number, max: number): void {
  if (max === 0)
    throw new Failure(EXIT.denied, "this site does not allow such requests; ask its administrators");
  try {
    startKeep(Math.ceil(Math.min(asked, LONGEST) / 1000));
  } catch (error) {
    throw new Failure(EXIT.failed, `cannot make the request: ${escapeText((error as Error).message)}`);
  }
  const until = localMinute(Date.now() + Math.min(asked, LONGEST));
  const capped =
    asked > max
      ? `, but at most ${formatDuration(max)} after a sweep first found them without a connection`
      : "";
  print(
    `Your servers on ${hostname()} are left alone until ${until}${capped}.\n${earlyEnd()}\nWithdraw it with: vscode-grim-reaper keep --cancel`,
  );
}

function earlyEnd(): string {
  const logout = killsAtLogout() ? ", and so does your last logout: KillUserProcesses=yes here" : "";
  return `A reboot ends that early${logout}.`;
}

/** What the program takes. */
const LONGEST = 366 * 86_400_000;

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
      .argument("[duration]", `${DURATION_HELP}; without one it shows until when`, durationArgument)
      .addOption(new Option("--cancel", "withdraw the request").default(false))
      .addHelpText("after", EXAMPLES)
      .action(finish(runKeep)),
  );
}
