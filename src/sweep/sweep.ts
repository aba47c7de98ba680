/** The story: observe, judge, reap, record. */

import { type Fault, faultLine, isExceeded, isOfHost } from "../core/observation/fault.ts";
import { accountOf, keyOf, type Proc } from "../core/observation/process.ts";
import type { Outcome } from "../core/reap/outcome.ts";
import { type Batch, batchesOf, planOf } from "../core/reap/plan.ts";
import type { LogEvent } from "../core/report/standard-log.ts";
import { exemptEvents, faultEvent, outcomeEvents, verdictEvents } from "../core/report/sweep-events.ts";
import { countOf } from "../core/text/format.ts";
import { breakerTrips } from "../core/verdict/circuit-breaker.ts";
import { type Judgement, judgeView } from "../core/verdict/judge.ts";
import { newestOf } from "../core/verdict/states.ts";
import { lookUpAccounts } from "../shell/host/accounts.ts";
import { observe, type Reach } from "../shell/observe.ts";
import { type Reaped, reap } from "../shell/reap/reap.ts";
import { recordBatch, recordSweep } from "./account.ts";
import type { Look, Ports, SweepRequest, SweepResult } from "./ports.ts";
import { recordState } from "./record-state.ts";

/** Observes and judges: what `list` shows and a sweep starts from. */
export async function observeAndJudge(
  { native, runFolder }: Pick<Ports, "native" | "runFolder">,
  { context, uids }: Pick<SweepRequest, "context" | "uids">,
  reach: Reach = "suspects",
): Promise<Look> {
  const { policy } = context;
  const view = await observe({ native, runFolder, policy, uids, reach });
  const { observation } = view;
  const owners = new Set(view.trees.map(({ root }) => accountOf(root)));
  const charged = new Set(view.trees.map(({ uid }) => uid).filter((uid) => !owners.has(uid)));
  const { accounts, faults } = lookUpAccounts(policy, [...owners], [...charged]);
  const judgements = judgeView(view, { ...context, accounts });
  return { view, observation, judgements, faults: [...observation.faults, ...faults] };
}

/** Reports a look, ends what it says is to be ended, and records the result. */
export async function sweep(ports: Ports, request: SweepRequest, seen: Look): Promise<SweepResult> {
  const { context, dryRun } = request;
  const { policy, options } = context;
  const { view, observation, judgements } = seen;
  const observing = dryRun || (!policy.enforce && !options.force);
  const faults = [...seen.faults];
  const report = async (more: readonly Fault[]): Promise<void> => {
    faults.push(...more);
    await ports.log.write(more.map(faultEvent));
  };
  // States are root's; a user who ends their own trees keeps none. An observing sweep keeps them, to know what it would end.
  const keepsStates = !dryRun && observation.observerUid === 0;
  await ports.log.write([
    ...seen.faults.map(faultEvent),
    ...verdictEvents(observation, judgements, observing),
    ...exemptEvents(observation, judgements),
  ]);
  const broken = options.force ? null : breakerTrips(view, judgements, policy);
  if (broken !== null) {
    await ports.log.write([{ level: "error", message: `Nothing was ended: ${broken}` }]);
    faults.push({ what: "trust the evidence", detail: broken });
  }
  const stuck = new Set(observation.survivors.map(keyOf));
  const { plan, faults: bounded } = planOf(broken === null ? judgements : [], options.force, stuck);
  await report(bounded);
  if (plan.length > 0 && !observing) {
    // Guard: a sweep that is killed while it waits loses no sign of use, and what is left of a tree that it ended in part
    // keeps the clock of that tree.
    if (keepsStates) await recordState(ports, options, { observation, judgements, outcomes: [] });
    await ports.wait(request.settle);
    if (!ports.stop.aborted) await ports.holdSignals();
  }
  const parts: Part[] = [];
  for (const batch of batchesOf(plan, judgements, observation.processes, stuck)) {
    if (batch.alone !== null && !observing) await ports.log.write([warning(batch.alone)]);
    const part = observing ? wouldReap(batch) : await carryOut(ports, request, seen, batch, stuck);
    await report(part.faults);
    await ports.log.write(part.outcomes.flatMap((outcome) => outcomeEvents(outcome, observation, observing)));
    // Now, and not when all is done: the next batch may exceed what this program has.
    if (ports.keepsAccount)
      await report(recordBatch(ports.native, request, { observation, outcomes: part.outcomes, observing }));
    parts.push(part);
  }
  await ports.log.write(noticesOf(parts, ports.stop.aborted).map(warning));
  const outcomes = parts.flatMap((part) => part.outcomes);
  if (keepsStates) {
    const again = parts.flatMap((part) => part.again);
    const newest = newestOf(judgements, again);
    // Where the breaker ended the sweep, use is certain, and a first mark would rest on evidence that cannot be trusted.
    const known = broken === null ? newest : newest.filter(({ isInUse }) => isInUse);
    const part = broken === null ? options : { ...options, uids: [] };
    await report(await recordState(ports, part, { observation, judgements: known, outcomes }));
  }
  const isNew = (process: Proc): boolean => !stuck.has(keyOf(process));
  // Guard: one user's process that cannot be killed fails one sweep, and not every one after it.
  const hasSurvivor = outcomes.some(({ survivors }) => survivors.some(isNew));
  const result = (): SweepResult => {
    const failed = hasSurvivor || faults.some((fault) => isOfHost(fault) || isExceeded(fault));
    return { ...seen, faults, outcomes, observing, broken, failed };
  };
  if (ports.keepsAccount) await report(recordSweep(ports.log.trouble(), request, result()));
  return result();
}

/** What became of a batch. */
interface Part extends Reaped {
  /** What the look right before the first signal found. */
  readonly again: readonly Judgement[];
}

const NOTHING: Part = { outcomes: [], faults: [], again: [], weak: false, left: 0 };

function wouldReap({ plan }: Batch): Part {
  const outcomes = plan.map(
    (judgement): Outcome => ({ judgement, killed: judgement.tree.members, survivors: [], spared: null }),
  );
  return { ...NOTHING, outcomes };
}

/** How long a killed process may take to die; one that takes longer is in uninterruptible sleep. */
const KILL_WAIT_MS = 2000;
/** The same, and the time to fold, where a user had processes that nothing ended: a tracer can hold any number. */
const SHORT_WAIT_MS = 200;

/** Looks and judges again, and ends what both looks found unused. */
async function carryOut(
  ports: Ports,
  request: SweepRequest,
  { faults: reported }: Look,
  { plan, hasSurvivors }: Batch,
  stuck: ReadonlySet<string>,
): Promise<Part> {
  if (plan.length === 0) return NOTHING;
  let unseen: readonly Fault[] = [];
  let again: readonly Judgement[] = [];
  const { native, runFolder } = ports;
  const { policy } = request.context;
  const { faults, ...reaped } = await reap(plan, {
    native,
    stop: ports.stop,
    termWait: hasSurvivors ? Math.min(policy.termWait, 5 * SHORT_WAIT_MS) : policy.termWait,
    killWait: hasSurvivors ? SHORT_WAIT_MS : KILL_WAIT_MS,
    stuck,
    rescan: (uids) => observe({ native, runFolder, policy, uids, reach: "processes" }),
    rejudge: async (uids) => {
      const look = await observeAndJudge(ports, { ...request, uids }, "all");
      unseen = newFaults(look.faults, reported);
      again = look.judgements;
      return look;
    },
  });
  return { ...reaped, faults: [...unseen, ...faults], again };
}

function noticesOf(parts: readonly Part[], interrupted: boolean): string[] {
  const sum = (count: (part: Part) => number): number =>
    parts.reduce((total, part) => total + count(part), 0);
  const ended = sum(({ outcomes }) => outcomes.flatMap(({ killed }) => killed).length);
  return [
    ...(parts.some(({ weak }) => weak)
      ? ["This kernel has no pidfd: processes were checked by start time and not pinned"]
      : []),
    ...(interrupted
      ? [`Interrupted: ${countOf(ended, "process", "processes")} ended, ${sum(({ left }) => left)} left`]
      : []),
  ];
}

const warning = (message: string): LogEvent => ({ level: "warn", message });

/** Lists what the second look could not read, of the host or of a user, and the first could: it is why trees were spared. */
function newFaults(faults: readonly Fault[], reported: readonly Fault[]): Fault[] {
  const before = new Set(reported.map(faultLine));
  return faults.filter((fault) => (isOfHost(fault) || isExceeded(fault)) && !before.has(faultLine(fault)));
}
