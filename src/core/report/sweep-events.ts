/** Makes the log events of a sweep: its verdicts, outcomes and faults. */

import { type Fault, faultLine } from "../observation/fault.ts";
import type { Observation } from "../observation/observation.ts";
import { keyOf, type Proc } from "../observation/process.ts";
import { GONE, type Outcome } from "../reap/outcome.ts";
import { countOf } from "../text/format.ts";
import { makeTable } from "../tree/process-table.ts";
import { isAsked } from "../verdict/exemption.ts";
import type { Judgement } from "../verdict/judge.ts";
import { VERDICTS } from "../verdict/orphan.ts";
import { outcomeDocument, treeDocument } from "./json.ts";
import { type LogEvent, type Row, treeEvents } from "./standard-log.ts";

const processes = (count: number): string => countOf(count, "process", "processes");

/** Makes a warning of a fault. */
export function faultEvent(fault: Fault): LogEvent {
  return { level: "warn", message: faultLine(fault), data: { event: "fault", fault } };
}

/** What is said of one tree, with all that is known of it. */
function treeEvent(
  event: string,
  level: LogEvent["level"],
  message: string,
  judgement: Judgement,
  observation: Observation,
): LogEvent {
  return { level, message, data: { event, tree: treeDocument(judgement, observation) } };
}

/** At -vv: every verdict with its reasons, and the counts; at -v what would be ended, if the sweep only observes. */
export function verdictEvents(
  observation: Observation,
  judgements: readonly Judgement[],
  observing: boolean,
): LogEvent[] {
  const events = judgements.map((judgement) => {
    const { tree, verdict, reasons } = judgement;
    const what = `tree ${tree.root.pid} (uid ${tree.uid}, ${tree.product}, ${processes(tree.members.length)})`;
    const level = observing && verdict === "reap" ? "debug" : "trace";
    return treeEvent("verdict", level, `${verdict}: ${what}: ${reasons.join("; ")}`, judgement, observation);
  });
  const tally = VERDICTS.map(
    (verdict) => `${verdict} ${judgements.filter((one) => one.verdict === verdict).length}`,
  );
  const { counts } = observation;
  const { listed, gone, denied, malformed, timedOut } = counts;
  const looked = `Looked at ${processes(listed)} (gone ${gone}, denied ${denied}, malformed ${malformed}, timed out ${timedOut})`;
  const message = `${looked}, found ${countOf(judgements.length, "tree")}: ${tally.join(", ")}`;
  return [
    ...events,
    { level: "trace", message, data: { event: "counts", counts, trees: judgements.length } },
  ];
}

/** At -v: orphans that are left alone only because the configuration names them, or because their user asked. */
export function exemptEvents(observation: Observation, judgements: readonly Judgement[]): LogEvent[] {
  return judgements
    .filter(isSavedByAsking)
    .map((one) => treeEvent("exempt", "debug", leftAlone(one, one.reasons.join("; ")), one, observation));
}

/** At the default level, for a sweep that names users or processes: why each tree that it found was left alone. */
export function leftAloneEvents(observation: Observation, judgements: readonly Judgement[]): LogEvent[] {
  return judgements
    .filter(({ verdict }) => verdict !== "reap")
    .map((one) => {
      const why = `${one.verdict}: ${one.reasons.join("; ")}`;
      return treeEvent("left-alone", "info", leftAlone(one, why), one, observation);
    });
}

const leftAlone = ({ tree }: Judgement, why: string): string =>
  `Left alone ${processes(tree.members.length)} under pid ${tree.root.pid} (uid ${tree.uid}): ${why}`;

/** Names the trees in use that a forced sweep ends; the standard head line has no room for it. */
function inUseEvents({ tree, unforced, verdict, reasons }: Judgement): LogEvent[] {
  if (verdict !== "reap" || unforced !== "spare") return [];
  const why = reasons.filter((reason) => !reason.startsWith("forced")).join("; ");
  const message = `Forced (in use): the tree under pid ${tree.root.pid} (uid ${tree.uid}): ${why}`;
  return [{ level: "warn", message, data: { event: "forced", pid: tree.root.pid, uid: tree.uid } }];
}

function isSavedByAsking({ verdict, byEvidence, exemptions }: Judgement): boolean {
  return verdict === "exempt" && byEvidence === "reap" && exemptions.every(isAsked);
}

/** Makes the standard log output of one tree, or says why a planned tree was spared. */
export function outcomeEvents(outcome: Outcome, observation: Observation, observing: boolean): LogEvent[] {
  const { judgement, killed, survivors, spared } = outcome;
  const { tree } = judgement;
  const root = { pid: tree.root.pid, uid: tree.uid };
  const data = (event: string): Record<string, unknown> => ({
    event,
    tree: treeDocument(judgement, observation, outcomeDocument(outcome, observing)),
    processes: tree.members.map(({ pid, ppid, argv }) => ({ pid, ppid, argv })),
  });
  if (spared !== null) {
    const message = `Spared ${processes(tree.members.length)} under pid ${root.pid} (uid ${root.uid}): ${spared}`;
    return [{ level: spared === GONE ? "trace" : "info", message, data: data("spared") }];
  }
  const events: LogEvent[] = inUseEvents(judgement);
  const head = observing ? "Would kill" : "Killed";
  if (killed.length > 0)
    events.push(...treeEvents(head, root, rowsOf(judgement, killed), data(observing ? "dry-run" : "killed")));
  if (survivors.length > 0)
    events.push(...treeEvents("Failed to kill", root, rowsOf(judgement, survivors), data("failed")));
  return events;
}

/**
 * Lists the processes of an outcome depth first, children by pid, those that the tree forked while it ended as well.
 * Guard: without recursion, which a chain of 8,000 nested processes overflowed after the kill and before the ledger.
 */
export function rowsOf({ tree }: Judgement, chosen: readonly Proc[]): Row[] {
  const { byPid, children } = makeTable([...tree.members, ...chosen]);
  const wanted = new Set(chosen.map(keyOf));
  const rows: Row[] = [];
  const met = new Set<number>();
  // What pid 1 adopted has no place below its parent any more.
  const tops = [...byPid.values()].sort((a, b) => b.pid - a.pid).map((process) => ({ process, depth: 1 }));
  const stack = [...tops, { process: tree.root, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { process, depth } = next;
    if (met.has(process.pid)) continue;
    met.add(process.pid);
    if (wanted.has(keyOf(process))) rows.push(next);
    for (const child of (children.get(process.pid) ?? []).toReversed())
      stack.push({ process: child, depth: depth + 1 });
  }
  return rows;
}
