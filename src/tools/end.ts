/** `end`: users end their own trees, now. */

import { type Common, complain, noTree, portsFor, requestFor } from "../commands/shared.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { openLog, STDERR } from "../shell/output/log.ts";
import { heedInterrupts } from "../shell/reap/on-termination.ts";
import { observeAndJudge, sweep } from "../sweep/sweep.ts";
import { CONFIG, collect, commandOf, isRoot, pidArgument, USERS } from "./options.ts";

interface EndOptions extends Common {
  readonly verbose: number;
  readonly dryRun: boolean;
  readonly pid?: readonly number[];
}

const EXAMPLES = `
Examples:
  vscode-grim-reaper end             all your trees on this login node
  vscode-grim-reaper end -n          say which, change nothing
  vscode-grim-reaper end --pid 4711  only the tree of process 4711

In an editor's terminal, the tree of that editor stays; to end it as well:
setsid vscode-grim-reaper end. What the site never touches (batch jobs, tmux and
screen) stays.`;

async function end(options: EndOptions): Promise<number> {
  if (isRoot() && !options.user)
    throw new Failure(EXIT.usage, "root has no trees of its own to end; name a user: -u USER");
  const { policy } = loadConfig(options.config ?? null);
  const log = openLog({ format: "standard", to: STDERR, verbosity: options.verbose });
  const interrupt = heedInterrupts();
  try {
    const ports = portsFor(log, interrupt.stop);
    // A request to end trees now counts for more than an earlier one to keep them.
    const withoutKeeps = { ...policy, keep: { max: 0 } };
    const chosen = requestFor(withoutKeeps, options, { force: true, pids: options.pid ?? null });
    const request = { ...chosen, dryRun: options.dryRun };
    const seen = await observeAndJudge(ports, request, "all");
    if (options.pid && seen.judgements.length === 0) throw noTree(options.pid);
    const plan = seen.judgements.filter(({ verdict }) => verdict === "reap");
    const own = plan.find(({ tree }) => tree.members.some(({ pid }) => pid === process.pid));
    // What setsid starts is not a member of the tree: its user set it free.
    if (own)
      complain(
        `left alone: this command runs in the tree of ${own.tree.root.pid}; to end that as well: setsid vscode-grim-reaper end`,
      );
    const judgements = plan.filter((one) => one !== own);
    if (judgements.length === 0) {
      for (const { tree, reasons } of seen.judgements.filter(({ verdict }) => verdict === "exempt"))
        complain(`left alone: the tree of ${tree.root.pid}: ${reasons.join("; ")}`);
      complain("there is nothing to end");
      return EXIT.ok;
    }
    const result = await sweep(ports, request, { ...seen, judgements });
    return result.failed || log.trouble() !== null ? EXIT.failed : EXIT.ok;
  } finally {
    log.close();
    interrupt.obey();
  }
}

export const endCommand = commandOf("end", "end your own trees on this host now, connected or not", end)
  .option("-v, --verbose", "list each process ended; twice: every verdict", (_, n: number) => n + 1, 0)
  .option("-n, --dry-run", "say what would be ended, change nothing", false)
  .option("--pid <pid>", "only the tree that holds this process (repeatable)", collect(pidArgument))
  .addOption(USERS)
  .addOption(CONFIG)
  .addHelpText("after", EXAMPLES);
