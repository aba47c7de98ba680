/** The story: observe, judge, reap, record. */
import { join } from "node:path";
import { breakerTrips } from "./core/breaker.ts";
import { makeCatalogue } from "./core/catalogue.ts";
import { faultLine, type Outcome, treeDocument } from "./core/document.ts";
import type { Accounts } from "./core/exemption.ts";
import { type JudgeContext, type Judgement, judge, type Verdict } from "./core/judge.ts";
import type { Policy } from "./core/policy.ts";
import { keyOf } from "./core/quarry.ts";
import { type LogEvent, type Row, treeEvents } from "./core/report.ts";
import type { Fault, Mark, Observation, Proc } from "./core/types.ts";
import type { Log } from "./shell/log.ts";
import type { Native } from "./shell/native.ts";
import { type ObserveOptions, observe } from "./shell/observe.ts";
import { GONE, reap } from "./shell/reap.ts";
import { writeMarks } from "./shell/state.ts";

/** What concrete things a sweep works with. */
export interface Ports {
  readonly native: Native;
  readonly log: Log;
  readonly runFolder: string;
  readonly procRoot: string;
  /** Looks up the names in the policy for the users who own trees. */
  readonly lookUpAccounts: (
    policy: Policy,
    uids: readonly number[],
  ) => { readonly accounts: Accounts; readonly faults: readonly Fault[] };
}

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
  /** True when something survived, or the host could not be judged as a whole. */
  readonly failed: boolean;
}

/** Observe and judge: what `list` shows and a sweep starts from. */
export async function look(ports: Ports, request: SweepRequest, full = false): Promise<Look> {
  const { policy } = request.context;
  const options = observeOptions(ports, policy, request.uids, full);
  const observation = await observe(ports.native, options);
  const owners = [...new Set(observation.processes.map(({ uid }) => uid))];
  const { accounts, faults } = ports.lookUpAccounts(policy, owners);
  const judgements = judge(observation, { ...request.context, accounts });
  return { observation, judgements, faults: [...observation.faults, ...faults] };
}

function observeOptions(
  ports: Ports,
  policy: Policy,
  uids: readonly number[] | null,
  full: boolean,
): ObserveOptions {
  const { runFolder, procRoot } = ports;
  return { catalogue: makeCatalogue(policy.catalogue), uids, full, sockets: true, runFolder, procRoot };
}

/** One pass over the host. */
export async function sweep(ports: Ports, request: SweepRequest): Promise<SweepResult> {
  const { policy, options } = request.context;
  const seen = await look(ports, request);
  const { observation, judgements } = seen;
  await ports.log.write(seen.faults.map(faultEvent));
  await ports.log.write(verdictEvents(seen));
  const plan = judgements.filter(({ verdict }) => verdict === "reap");
  const observing = request.dryRun || (!policy.enforce && !options.force);
  const broken = options.force
    ? null
    : breakerTrips(observation, judgements, policy, makeCatalogue(policy.catalogue));
  if (broken !== null) {
    await ports.log.write([{ level: "error", message: `Nothing was ended: ${broken}` }]);
    const fault: Fault = { what: "trust the evidence", detail: broken };
    return { ...seen, faults: [...seen.faults, fault], outcomes: [], failed: true };
  }
  const carried = observing ? wouldReap(plan) : await carryOut(ports, request, plan);
  await ports.log.write(carried.faults.map(faultEvent));
  await ports.log.write(carried.notices.map((message): LogEvent => ({ level: "warn", message })));
  await ports.log.write(
    carried.outcomes.flatMap((outcome) => outcomeEvents(outcome, observation, observing)),
  );
  const kept = observing ? [] : await record(ports, request, seen, carried.outcomes);
  await ports.log.write(kept.map(faultEvent));
  const faults = [...seen.faults, ...carried.faults, ...kept];
  // A fault of one process is that process's; one of the whole host means that something was not seen.
  const failed =
    faults.some(({ pid }) => pid === undefined) || carried.outcomes.some((o) => o.survivors.length > 0);
  return { ...seen, faults, outcomes: carried.outcomes, failed };
}

interface Carried {
  readonly outcomes: readonly Outcome[];
  readonly faults: readonly Fault[];
  readonly notices: readonly string[];
}

function wouldReap(plan: readonly Judgement[]): Carried {
  const outcomes = plan.map(
    (judgement): Outcome => ({ judgement, killed: judgement.tree.members, survivors: [], spared: null }),
  );
  return { outcomes, faults: [], notices: [] };
}

async function carryOut(ports: Ports, request: SweepRequest, plan: readonly Judgement[]): Promise<Carried> {
  if (plan.length === 0) return { outcomes: [], faults: [], notices: [] };
  const { policy } = request.context;
  const { outcomes, faults, weak } = await reap(plan, {
    native: ports.native,
    policy,
    look: (uids) => observe(ports.native, { ...observeOptions(ports, policy, uids, true), sockets: false }),
    rejudge: (uids) => look(ports, { ...request, uids }, true),
  });
  const notices = weak
    ? ["This kernel has no pidfd: processes were checked by start time and not pinned"]
    : [];
  return { outcomes, faults, notices };
}

/** Record: drop the tags of trees that are used again or gone, and mark untagged orphans for a later sweep. */
async function record(
  ports: Ports,
  request: SweepRequest,
  { observation, judgements }: Look,
  outcomes: readonly Outcome[],
): Promise<Fault[]> {
  const faults: Fault[] = [];
  const attempt = (what: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      faults.push({ what, detail: (error as Error).message });
    }
  };
  const used = judgements.filter(({ unforced }) => unforced === "spare").flatMap(({ tree }) => tree.members);
  const attached = new Set(used.map(keyOf));
  const killed = new Set(outcomes.flatMap((outcome) => outcome.killed).map(keyOf));
  const roots = observation.tags.map(({ root }) => root);
  const living = new Set((await ports.native.waitGone(roots, 0)).map(keyOf));
  const folder = join(ports.runFolder, "tags");
  const now = new Map<string, number>();
  if (observation.tags.length > 0)
    attempt("read the tags again", () => {
      for (const tag of ports.native.readTags(folder).tags) now.set(keyOf(tag.root), tag.closedUptime);
    });
  for (const { root, bootId, closedUptime } of observation.tags) {
    const key = keyOf(root);
    const gone = killed.has(key) || !living.has(key);
    // A session that closed while this sweep was at work has dated the tag anew: that date is the next sweep's.
    const outdated = (bootId !== observation.bootId || attached.has(key)) && now.get(key) === closedUptime;
    if (gone || outdated) attempt("remove a tag", () => ports.native.removeTag(folder, root));
  }
  const marks =
    request.context.policy.untagged === "two-sweeps" ? marksAfter(observation, judgements, request) : [];
  if (marks.length > 0 || observation.marks.length > 0)
    attempt("write the marks", () => writeMarks(ports.runFolder, observation.bootId, marks));
  return faults;
}

/** Marks of the orphans that stay, old ones with their time. A sweep of some users keeps what it did not look at. */
function marksAfter(
  observation: Observation,
  judgements: readonly Judgement[],
  request: SweepRequest,
): Mark[] {
  const { uids, pids } = request.context.options;
  const judged = new Map(judgements.map((judgement) => [keyOf(judgement.tree.root), judgement]));
  const isOrphan = ({ unforced, tag }: Judgement): boolean =>
    tag === null && (unforced === "wait" || unforced === "reap");
  const partial = uids !== null || pids !== null;
  const kept = observation.marks.filter((mark) => {
    const judgement = judged.get(keyOf(mark));
    return judgement ? isOrphan(judgement) : partial;
  });
  const marked = new Set(kept.map(keyOf));
  const added = judgements
    .filter((judgement) => isOrphan(judgement) && !marked.has(keyOf(judgement.tree.root)))
    .map(
      ({ tree }): Mark => ({
        pid: tree.root.pid,
        startTime: tree.root.startTime,
        seenUptime: observation.uptime,
      }),
    );
  return [...kept, ...added];
}

function faultEvent(fault: Fault): LogEvent {
  return { level: "warn", message: faultLine(fault), data: { event: "fault", fault } };
}

/** At -vv: every verdict with its reasons, and the counts. */
function verdictEvents({ observation, judgements }: Look): LogEvent[] {
  const events = judgements.map((judgement): LogEvent => {
    const { tree, verdict, reasons } = judgement;
    const what = `${verdict}: tree ${tree.root.pid} (uid ${tree.uid}, ${tree.product}, ${tree.members.length} process(es))`;
    return {
      level: "trace",
      message: `${what}: ${reasons.join("; ")}`,
      data: { event: "verdict", tree: treeDocument(judgement, observation) },
    };
  });
  const tally = (verdict: Verdict): string =>
    `${verdict} ${judgements.filter((judgement) => judgement.verdict === verdict).length}`;
  const verdicts = (["reap", "wait", "spare", "exempt", "unknown"] as const).map(tally).join(", ");
  const { listed, gone, denied, malformed, timedOut } = observation.counts;
  const looked = `Looked at ${listed} process(es) (gone ${gone}, denied ${denied}, malformed ${malformed}, timed out ${timedOut})`;
  const counts = { event: "counts", counts: observation.counts, trees: judgements.length };
  return [
    ...events,
    { level: "trace", message: `${looked}, found ${judgements.length} tree(s): ${verdicts}`, data: counts },
  ];
}

/** The standard log output of one tree, and why a planned one was spared. */
function outcomeEvents(outcome: Outcome, observation: Observation, observing: boolean): LogEvent[] {
  const { judgement, killed, survivors, spared } = outcome;
  const { tree } = judgement;
  const root = { pid: tree.root.pid, uid: tree.uid };
  const data = (event: string): Record<string, unknown> => ({
    event,
    tree: treeDocument(judgement, observation, outcome),
    processes: tree.members.map(({ pid, ppid, argv }) => ({ pid, ppid, argv })),
  });
  if (spared !== null) {
    const message = `Spared ${tree.members.length} process(es) under pid ${root.pid} (uid ${root.uid}): ${spared}`;
    return [{ level: spared === GONE ? "trace" : "info", message, data: data("spared") }];
  }
  const events: LogEvent[] = [];
  const head = observing ? "Would kill" : "Killed";
  if (killed.length > 0)
    events.push(...treeEvents(head, root, rowsOf(judgement, killed), data(observing ? "dry-run" : "killed")));
  if (survivors.length > 0)
    events.push(...treeEvents("Failed to kill", root, rowsOf(judgement, survivors), data("failed")));
  return events;
}

/** The processes of an outcome, depth first and children by pid, those that the tree forked while it ended as well. */
function rowsOf({ tree }: Judgement, chosen: readonly Proc[]): Row[] {
  const late = chosen.filter((process) => !tree.members.some((member) => keyOf(member) === keyOf(process)));
  const wanted = new Set(chosen.map(keyOf));
  const rows: Row[] = [];
  const met = new Set<number>();
  const all = [...tree.members, ...late].sort((a, b) => a.pid - b.pid);
  const visit = (process: Proc, depth: number): void => {
    if (met.has(process.pid)) return;
    met.add(process.pid);
    if (wanted.has(keyOf(process))) rows.push({ process, depth });
    for (const child of all) if (child.ppid === process.pid) visit(child, depth + 1);
  };
  visit(tree.root, 0);
  // What pid 1 adopted has no place below its parent any more.
  for (const process of all) visit(process, 1);
  return rows;
}
