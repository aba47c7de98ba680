/** The story: observe, judge, reap, record. */

import { type Fault, faultLine } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import type { Policy } from "../core/policy/policy.ts";
import { freedBy } from "../core/reap/freed-memory.ts";
import type { Outcome } from "../core/reap/outcome.ts";
import { makeCatalogue } from "../core/recognition/catalogue.ts";
import type { LogEvent } from "../core/report/standard-log.ts";
import { exemptEvents, faultEvent, outcomeEvents, verdictEvents } from "../core/report/sweep-events.ts";
import { breakerTrips } from "../core/verdict/circuit-breaker.ts";
import type { Accounts } from "../core/verdict/exemption.ts";
import { type JudgeContext, type Judgement, judge } from "../core/verdict/judge.ts";
import type { Cluster } from "../shell/cluster/helper-client.ts";
import type { ClusterReply } from "../shell/cluster/shared-folder.ts";
import type { Native } from "../shell/host/native.ts";
import { type ObserveOptions, observe } from "../shell/observe.ts";
import type { Log } from "../shell/output/log.ts";
import { reap } from "../shell/reap/reap.ts";
import { recordState } from "./record-state.ts";

/** What concrete things a sweep works with. */
export interface Ports {
  readonly native: Native;
  readonly log: Log;
  readonly runFolder: string;
  readonly keepFolder: string;
  readonly procRoot: string;
  /** Asks other login nodes, where the policy names their folder; null: nobody is asked. */
  readonly cluster: Cluster | null;
  /** Called in this order when all is done, also when the breaker ended the sweep. */
  readonly recorders: readonly Recorder[];
  /** Looks up the names in the policy for the users who own trees. */
  readonly lookUpAccounts: (
    policy: Policy,
    uids: readonly number[],
  ) => { readonly accounts: Accounts; readonly faults: readonly Fault[] };
}

/** Keeps account of sweeps. What it could not write is a fault, never an error that ends the sweep. */
export type Recorder = (result: SweepResult) => Promise<readonly Fault[]> | readonly Fault[];

export interface SweepRequest {
  readonly context: JudgeContext;
  /** Say what would be done and change nothing. */
  readonly dryRun: boolean;
  /** Look at these users only; null: at all. */
  readonly uids: readonly number[] | null;
}

export interface Look {
  readonly observation: Observation;
  readonly judgements: readonly Judgement[];
  readonly faults: readonly Fault[];
}

export interface SweepResult extends Look {
  readonly outcomes: readonly Outcome[];
  /** Nothing was to be changed: the outcomes say what would have been. */
  readonly observing: boolean;
  /** Why the circuit breaker ended the sweep, or null. */
  readonly broken: string | null;
  /** True when something survived, or the host could not be judged as a whole. */
  readonly failed: boolean;
}

/** Observe and judge: what `list` shows and a sweep starts from. */
export async function look(ports: Ports, request: SweepRequest, full = false): Promise<Look> {
  const { policy } = request.context;
  const options = observeOptions(ports, policy, request.uids, full);
  const own = await observe(ports.native, options);
  const owners = [...new Set(own.processes.map(({ uid }) => uid))];
  const told = await askOthers(ports, policy, own, owners);
  const observation = told.elsewhere ? { ...own, elsewhere: told.elsewhere } : own;
  const { accounts, faults } = ports.lookUpAccounts(policy, owners);
  const judgements = judge(observation, { ...request.context, accounts });
  return { observation, judgements, faults: [...observation.faults, ...told.faults, ...faults] };
}

async function askOthers(
  { cluster }: Ports,
  policy: Policy,
  { host, bootId, takenAt, uptime }: Observation,
  uids: readonly number[],
): Promise<ClusterReply> {
  const { dir, maxAge } = policy.cluster;
  if (cluster === null || dir === "") return { elsewhere: null, faults: [] };
  return cluster.read(dir, { now: takenAt, maxAge, host, bootId, bootedAt: takenAt - uptime, uids });
}

function observeOptions(
  ports: Ports,
  policy: Policy,
  uids: readonly number[] | null,
  full: boolean,
): ObserveOptions {
  const { runFolder, keepFolder, procRoot } = ports;
  const catalogue = makeCatalogue(policy.catalogue);
  const keeps = { folder: keepFolder, max: policy.keep.max };
  const environments = policy.jobEnvironment === "exempt";
  return { catalogue, uids, full, sockets: true, environments, runFolder, keeps, procRoot };
}

/** One pass over the host. */
export async function sweep(ports: Ports, request: SweepRequest): Promise<SweepResult> {
  const { policy, options } = request.context;
  const seen = await look(ports, request);
  const { observation, judgements } = seen;
  await ports.log.write([...seen.faults.map(faultEvent), ...verdictEvents(observation, judgements)]);
  await ports.log.write(exemptEvents(observation, judgements));
  const plan = judgements.filter(({ verdict }) => verdict === "reap");
  const observing = request.dryRun || (!policy.enforce && !options.force);
  const broken = options.force
    ? null
    : breakerTrips(observation, judgements, policy, makeCatalogue(policy.catalogue));
  if (broken !== null) {
    await ports.log.write([{ level: "error", message: `Nothing was ended: ${broken}` }]);
    const fault: Fault = { what: "trust the evidence", detail: broken };
    return account(ports, {
      ...seen,
      faults: [...seen.faults, fault],
      outcomes: [],
      observing,
      broken,
      failed: true,
    });
  }
  const carried = observing ? wouldReap(plan) : await carryOut(ports, request, seen.faults, plan);
  await ports.log.write(carried.faults.map(faultEvent));
  await ports.log.write(carried.notices.map((message): LogEvent => ({ level: "warn", message })));
  await ports.log.write(
    carried.outcomes.flatMap((outcome) => outcomeEvents(outcome, observation, observing)),
  );
  const { outcomes } = carried;
  // Tags and marks are root's; a user who ends their own trees keeps none.
  const kept =
    observing || observation.observerUid !== 0
      ? []
      : await recordState(ports, request.context, { observation, judgements, outcomes });
  await ports.log.write(kept.map(faultEvent));
  const faults = [...seen.faults, ...carried.faults, ...kept];
  // A fault of one process is that process's; one of the whole host means that something was not seen.
  const failed = faults.some(isOfHost) || outcomes.some(({ survivors }) => survivors.length > 0);
  return account(ports, { ...seen, faults, outcomes, observing, broken, failed });
}

const isOfHost = ({ pid, uid }: Fault): boolean => pid === undefined && uid === undefined;

/** Tells everybody who keeps accounts: the ledger, the users' notices, the metrics, the other login nodes. */
async function account(ports: Ports, result: SweepResult): Promise<SweepResult> {
  let told = result;
  for (const recorder of ports.recorders) {
    const faults = await recorder(told);
    await ports.log.write(faults.map(faultEvent));
    told = { ...told, faults: [...told.faults, ...faults], failed: told.failed || faults.some(isOfHost) };
  }
  return told;
}

interface ReapResult {
  readonly outcomes: readonly Outcome[];
  readonly faults: readonly Fault[];
  readonly notices: readonly string[];
}

function wouldReap(plan: readonly Judgement[]): ReapResult {
  const outcomes = plan.map(
    (judgement): Outcome => ({ judgement, killed: judgement.tree.members, survivors: [], spared: null }),
  );
  return { outcomes, faults: [], notices: [] };
}

async function carryOut(
  ports: Ports,
  request: SweepRequest,
  told: readonly Fault[],
  plan: readonly Judgement[],
): Promise<ReapResult> {
  if (plan.length === 0) return { outcomes: [], faults: [], notices: [] };
  let unseen: readonly Fault[] = [];
  const { policy } = request.context;
  const { outcomes, faults, weak } = await reap(plan, {
    native: ports.native,
    policy,
    look: (uids) => observe(ports.native, { ...observeOptions(ports, policy, uids, true), sockets: false }),
    rejudge: async (uids) => {
      const again = await look(ports, { ...request, uids }, true);
      unseen = newFaults(again.faults, told);
      return again;
    },
  });
  const notices = weak
    ? ["This kernel has no pidfd: processes were checked by start time and not pinned"]
    : [];
  const measured = outcomes.map((outcome) => ({ ...outcome, freed: freedBy(outcome.killed) }));
  return { outcomes: measured, faults: [...unseen, ...faults], notices };
}

/** What the second look could not see of the host, and the first could: trees that it spared are told why. */
function newFaults(faults: readonly Fault[], told: readonly Fault[]): Fault[] {
  const before = new Set(told.map(faultLine));
  return faults.filter((fault) => isOfHost(fault) && !before.has(faultLine(fault)));
}
