/** `sweep`: the job itself. */

import { join } from "node:path";
import { type Command, Option } from "commander";
import type { Policy } from "../core/policy/policy.ts";
import { hostDocument } from "../core/report/json.ts";
import { safeJson } from "../core/text/safe-text.ts";
import type { Cluster } from "../shell/cluster/helper-client.ts";
import { loadConfig } from "../shell/config.ts";
import { askVeto } from "../shell/hooks/ask-veto.ts";
import { loadNative } from "../shell/host/native.ts";
import { openLog } from "../shell/output/log.ts";
import { KEEP_FOLDER } from "../shell/store/keep-requests.ts";
import { writeLastSweep } from "../shell/store/last-sweep.ts";
import { MAIL_FOLDER, NOTICE_FOLDER, NOTIFY_FOLDER, RUN_FOLDER, STATE_FOLDER } from "../shell/store/paths.ts";
import { attempt, prepareFolder } from "../shell/store/safe-files.ts";
import { actsForHost } from "../shell/store/service-account.ts";
import { pruneTags } from "../shell/store/tags.ts";
import { keepRecorder, mailRecorder, noticeRecorder, notifyRecorder } from "../sweep/notify-users.ts";
import { clusterRecorder, ledgerRecorder, metricsRecorder } from "../sweep/recorders.ts";
import { type Ports, type Recorder, sweep } from "../sweep/sweep.ts";
import { EXIT, Failure } from "./exit.ts";
import { addConfig, addUsers, collect, type Finish, pidArgument } from "./options.ts";
import { type Common, holdLock, noTree, portsFor, print, requestFor } from "./shared.ts";

declare const PACKAGE_VERSION: string;

interface SweepOptions extends Common {
  readonly verbose: number;
  readonly log: string;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly includeJobs: boolean;
  readonly includeExempt: boolean;
  readonly pid?: readonly number[];
  readonly logFormat: "standard" | "json";
}

async function runSweep(options: SweepOptions): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  if ((options.includeJobs || options.includeExempt) && !options.force)
    throw new Failure(EXIT.usage, "--include-jobs and --include-exempt only mean something with --force");
  const changes = !options.dryRun && (policy.enforce || options.force);
  if (changes && !actsForHost())
    throw new Failure(
      EXIT.denied,
      "a sweep that ends processes needs root; run it with sudo, or look with --dry-run",
    );
  const request = requestFor(policy, options, {
    force: options.force,
    includeJobs: options.includeJobs,
    includeExempt: options.includeExempt,
    pids: options.pid ?? null,
  });
  const log = openLog({
    format: options.logFormat,
    file: options.log === "-" ? null : options.log,
    verbosity: options.verbose,
  });
  try {
    const bare = portsFor(log);
    const recorders = recordersFor(options, policy, bare.cluster);
    const ports = { ...bare, recorders, askVeto: vetoOf(policy, options.includeExempt) };
    if (changes) {
      holdLock(ports.native);
      // What fails here, the reading of the tags reports.
      attempt("drop the tags of ended processes", () => pruneTags(join(RUN_FOLDER, "tags"), "/proc"));
    }
    const result = await sweep(ports, { ...request, dryRun: options.dryRun });
    const { observation, judgements, faults, outcomes } = result;
    if (options.pid && judgements.length === 0) throw noTree(options.pid, observation);
    if (options.json)
      print(safeJson(hostDocument(observation, judgements, faults, outcomes, result.observing)));
    return result.failed || log.trouble() !== null ? EXIT.failed : EXIT.ok;
  } finally {
    log.close();
  }
}

/** Who keeps account of this sweep, in this order. A dry run did nothing, and so nobody does. */
export function recordersFor(
  { dryRun, user, pid }: Pick<SweepOptions, "dryRun" | "user" | "pid">,
  policy: Policy,
  cluster: Cluster | null,
): Recorder[] {
  if (dryRun || !actsForHost()) return [];
  const ofWholeHost = user === undefined && pid === undefined;
  const places = { file: policy.metrics.file, stateFolder: STATE_FOLDER, runFolder: RUN_FOLDER };
  return [
    () => attempt(`use ${STATE_FOLDER}`, () => prepareFolder(STATE_FOLDER, 0o711)),
    ledgerRecorder(policy.ledger.file),
    noticeRecorder(loadNative(), NOTICE_FOLDER, policy),
    mailRecorder(MAIL_FOLDER, policy),
    notifyRecorder(NOTIFY_FOLDER, policy),
    keepRecorder(KEEP_FOLDER),
    ...(ofWholeHost && cluster ? [clusterRecorder(cluster, policy)] : []),
    ({ hostFailed, outcomes }) =>
      ofWholeHost
        ? writeLastSweep(STATE_FOLDER, hostFailed, outcomes.flatMap(({ survivors }) => survivors).length)
        : [],
    metricsRecorder(places, policy, PACKAGE_VERSION, !ofWholeHost),
  ];
}

/** The site's veto program; null where there is none, for a user, and where exempt trees are to be ended as well. */
export function vetoOf(policy: Policy, includeExempt = false): Ports["askVeto"] {
  const { veto } = policy.hooks;
  if (veto === "" || !actsForHost() || includeExempt) return null;
  return (plan, observation, dryRun) => askVeto(veto, plan, observation, dryRun);
}

export function addSweep(program: Command, finish: Finish): void {
  const sweepCommand = program
    .command("sweep", { isDefault: true })
    .description("end orphaned trees (the default)")
    .option(
      "-v, --verbose",
      "list each process ended; twice: every verdict and its reasons",
      (_, n: number) => n + 1,
      0,
    )
    .option("-l, --log <file>", "append the log to this file; - is standard error", "-")
    .option("-n, --dry-run", "say what would be ended, change nothing", false)
    .option("-f, --force", "end trees in use, inside their grace or in doubt, too; never exempt ones", false)
    .option("--include-jobs", "with --force: batch jobs, too", false)
    .option("--include-exempt", "with --force: exempt users, groups and products, too", false)
    .option("--pid <pid>", "only the tree that holds this process (repeatable)", collect(pidArgument))
    .option("--json", "the result as JSON on standard output", false)
    .addOption(
      new Option("--log-format <format>", "of the log").choices(["standard", "json"]).default("standard"),
    )
    .action(finish(runSweep));
  addConfig(addUsers(sweepCommand));
}
