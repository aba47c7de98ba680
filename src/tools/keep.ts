/** `keep`: users have their own trees left alone for a while. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { constants, hostname } from "node:os";
import { type Common, ownUid, print } from "../commands/shared.ts";
import type { Keep } from "../core/observation/observation.ts";
import { DURATION_HELP, formatDuration } from "../core/text/duration.ts";
import { localMinute } from "../core/text/format.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { loadNative } from "../shell/host/native.ts";
import { KEEP_PROGRAM } from "../shell/store/paths.ts";
import { CONFIG, commandOf, durationArgument, isRoot, look } from "./options.ts";

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
connection ([keep] max), and an administrator can still end the trees.`;

async function keep(duration: number | undefined, options: KeepOptions): Promise<number> {
  if (duration !== undefined && options.cancel) throw new Failure(EXIT.usage, "--cancel takes no duration");
  if (duration === 0) throw new Failure(EXIT.usage, `give ${DURATION_HELP}; to withdraw a request: --cancel`);
  if (isRoot())
    throw new Failure(
      EXIT.usage,
      "root's own trees are never ended; to exempt a user, add an [[exempt]] to the configuration",
    );
  const { policy, observation } = await look(options);
  const before = observation.keeps.filter(({ uid }) => uid === ownUid());
  if (duration === undefined && !options.cancel) {
    show(before);
    return EXIT.ok;
  }
  if (duration !== undefined) start(Math.min(duration, LONGEST), policy.keep.max);
  const native = loadNative();
  for (const keep of before) native.signal(keep, keep.uid, constants.signals.SIGTERM);
  await native.waitGone(before, 1000);
  if (options.cancel) print(before.length > 0 ? "Withdrawn." : "There was no request.");
  return EXIT.ok;
}

const EARLY_END = "A reboot ends that early.";
const on = `Your servers on ${hostname()} are left alone`;

function show(keeps: readonly Keep[]): void {
  const [first] = keeps;
  const until = Math.max(...keeps.map((keep) => keep.until ?? 0));
  const when = until > 0 ? `until ${localMinute(until)}` : "for as long as that process lives";
  print(first ? `${on} ${when} (process ${first.pid}).\n${EARLY_END}` : "There is no request.");
}

/** Starts a request: a program that goes into the background by itself. @throws Failure */
function start(asked: number, max: number): void {
  if (max === 0)
    throw new Failure(EXIT.denied, "this site does not allow such requests; ask its administrators");
  if (!existsSync(KEEP_PROGRAM))
    throw new Failure(EXIT.failed, `${KEEP_PROGRAM} is not installed; ask the administrators of this host`);
  const seconds = String(Math.ceil(asked / 1000));
  const { status, error } = spawnSync(KEEP_PROGRAM, [seconds], { stdio: "ignore", cwd: "/" });
  if (status !== 0)
    throw new Failure(EXIT.failed, `${KEEP_PROGRAM}: ${error?.message ?? `exit status ${status}`}`);
  const limit = `, but at most ${formatDuration(max)} after a sweep first found them without a connection`;
  const until = localMinute(Date.now() + asked);
  print(`${on} until ${until}${asked > max ? limit : ""}.\n${EARLY_END}`);
  print("Withdraw it with: vscode-grim-reaper keep --cancel");
}

/** What the program takes. */
const LONGEST = 366 * 86_400_000;

export const keepCommand = commandOf(
  "keep",
  "have your own trees left alone for a while, even without a connection",
  keep,
)
  .argument("[duration]", `${DURATION_HELP}; without one it shows until when`, durationArgument)
  .option("--cancel", "withdraw the request", false)
  .addOption(CONFIG)
  .addHelpText("after", EXAMPLES);
