/** `sweep`: ends orphaned trees. */

import { setFlagsFromString } from "node:v8";
import { keyOf } from "../core/observation/process.ts";
import type { Policy } from "../core/policy/policy.ts";
import { hostDocument } from "../core/report/json.ts";
import type { LogEvent } from "../core/report/standard-log.ts";
import { leftAloneEvents } from "../core/report/sweep-events.ts";
import { sweepSummaryLine } from "../core/report/sweep-summary.ts";
import { loadConfig } from "../shell/config.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import type { Reach } from "../shell/observe.ts";
import { journalDescriptor, type Log, openLog, STDERR } from "../shell/output/log.ts";
import { heedInterrupts } from "../shell/reap/on-termination.ts";
import { actsForHost } from "../shell/store/service-account.ts";
import type { SweepRequest, SweepResult } from "../sweep/ports.ts";
import { observeAndJudge, sweep } from "../sweep/sweep.ts";
import { holdLock, noTree, portsFor, printJson, requestFor } from "./shared.ts";
import type { SweepOptions } from "./sweep-options.ts";

/** Asks before anything is ended, and returns the keys of the roots of the trees that may be. @throws Failure for none */
export type Ask = (request: SweepRequest) => Promise<ReadonlySet<string>>;

/** Runs a sweep and returns its exit status. @throws Failure */
export async function runSweep(options: SweepOptions, ask?: Ask): Promise<number> {
  // Most functions run a few times per sweep, and V8's optimising compilers cost more than they return: without them a
  // sweep of 10,000 processes takes 0.84 of the CPU time and 9 MiB less. A new space that does not grow saves 6 MiB more
  // with 100 trees, in the same time. Set when Node's code cache, which depends on flags, has been read.
  for (const flag of ["--no-opt", "--no-maglev", "--semi-space-growth-factor=1"]) setFlagsFromString(flag);
  const { policy } = loadConfig(options.config ?? null);
  if ((options.includeJobs || options.includeExempt) && !options.force)
    throw new Failure(EXIT.usage, "--include-jobs and --include-exempt need --force");
  const changes = !options.dryRun && (policy.enforce || options.force);
  if (changes && !actsForHost())
    throw new Failure(
      EXIT.denied,
      "a sweep that ends processes needs root: run it with sudo, or look with --dry-run; to end your own trees: vscode-grim-reaper end",
    );
  const request = requestFor(policy, options, {
    force: options.force,
    includeJobs: options.includeJobs,
    includeExempt: options.includeExempt,
    pids: options.pid ?? null,
  });
  const journal = journalDescriptor();
  const agreed = await ask?.(request);
  const interrupt = changes ? heedInterrupts() : null;
  const log = logFor(options, policy, journal);
  try {
    const ports = portsFor(log, interrupt?.stop);
    // A forced sweep need not wait for one that settles, which looks again anyway.
    if (changes && !options.force) await holdLock(ports.native);
    const settle = options.force ? 0 : (options.settle ?? policy.settle);
    const whole = { ...request, dryRun: options.dryRun, settle };
    const seen = await observeAndJudge(ports, whole, reachOf(options));
    const judgements = seen.judgements.filter(
      ({ tree, verdict }) => verdict !== "reap" || (agreed?.has(keyOf(tree.root)) ?? true),
    );
    const result = await sweep(ports, whole, { ...seen, judgements });
    const { observation, faults, outcomes } = result;
    if (options.pid && judgements.length === 0) throw noTree(options.pid);
    await log.write(answersOf(result, options));
    if (options.json) printJson(hostDocument(observation, judgements, faults, outcomes, result.observing));
    if (journal !== null)
      await openLog({ format: "journal", to: journal, verbosity: 0 }).write([info(sweepSummaryLine(result))]);
    return result.failed || log.trouble() !== null ? EXIT.failed : EXIT.ok;
  } finally {
    log.close();
    interrupt?.obey();
  }
}

/** Trees that certainly stay are read only where they are shown, or may be ended. */
function reachOf({ force, json, verbose, user, pid }: SweepOptions): Reach {
  return force || json || verbose > 1 || user !== undefined || pid !== undefined ? "suspects" : "staged";
}

/** Opens the log that -l and the configuration name; the service, whose journal is given, also writes to that. */
function logFor(options: SweepOptions, policy: Policy, journal: number | null): Log {
  const { verbose: verbosity, logFormat: format, log } = options;
  const named = log === "-" ? STDERR : log;
  if (journal === null) return openLog({ format, to: named, verbosity });
  if (policy.log === "journal") return openLog({ format: "journal", to: journal, verbosity });
  if (policy.log !== "both") return openLog({ format, to: policy.log, verbosity });
  const first = { format, to: named, verbosity };
  // Without a file the log goes to standard error, which the journal has already.
  return named === STDERR ? openLog(first) : openLog(first, { format: "journal", to: journal, verbosity: 0 });
}

const info = (message: string): LogEvent => ({ level: "info", message });

/** What a person waits for: why each tree of a targeted sweep was left alone, or that there is nothing to end. */
function answersOf(result: SweepResult, options: SweepOptions): LogEvent[] {
  const { observation, judgements, outcomes, broken } = result;
  const events: LogEvent[] = [];
  if (options.user && judgements.length === 0) events.push(info("There is no server tree of this user"));
  // At -vv every verdict is in the log already.
  if ((options.user || options.pid) && options.verbose < 2)
    events.push(...leftAloneEvents(observation, judgements));
  const nothing = outcomes.length === 0 && broken === null;
  if (options.dryRun && !actsForHost()) events.push(info("Only your own processes were looked at"));
  else if (options.dryRun && nothing) events.push(info("Nothing to end"));
  if (result.observing && !options.dryRun && !nothing)
    events.push(info("Sweeps only observe here and end nothing; to enforce: vscode-grim-reaper enforce"));
  return events;
}
