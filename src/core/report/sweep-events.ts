/** What a sweep says: its verdicts, outcomes and faults as log events. */

import { type Fault, faultLine } from "../observation/fault.ts";
import type { Observation } from "../observation/observation.ts";
import { keyOf, type Proc } from "../observation/process.ts";
import { GONE, type Outcome } from "../reap/outcome.ts";
import type { Judgement, Verdict } from "../verdict/judge.ts";
import { VERDICTS } from "../verdict/verdicts.ts";
import { treeDocument } from "./json.ts";
import { type LogEvent, type Row, treeEvents } from "./standard-log.ts";

/** A fault as a warning. */
export function faultEvent(fault: Fault): LogEvent {
  return { level: "warn", message: faultLine(fault), data: { event: "fault", fault } };
}

/** At -vv: every verdict with its reasons, and the counts. */
export function verdictEvents(observation: Observation, judgements: readonly Judgement[]): LogEvent[] {
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
  const verdicts = VERDICTS.map(tally).join(", ");
  const { listed, gone, denied, malformed, timedOut } = observation.counts;
  const looked = `Looked at ${listed} process(es) (gone ${gone}, denied ${denied}, malformed ${malformed}, timed out ${timedOut})`;
  const counts = { event: "counts", counts: observation.counts, trees: judgements.length };
  return [
    ...events,
    { level: "trace", message: `${looked}, found ${judgements.length} tree(s): ${verdicts}`, data: counts },
  ];
}

/** At -v: orphans that stand only because the configuration names them, or because their user asked. */
export function exemptEvents(observation: Observation, judgements: readonly Judgement[]): LogEvent[] {
  return judgements.filter(isSavedByAsking).map((judgement): LogEvent => {
    const { tree, reasons } = judgement;
    const what = `Left alone ${tree.members.length} process(es) under pid ${tree.root.pid} (uid ${tree.uid})`;
    const data = { event: "exempt", tree: treeDocument(judgement, observation) };
    return { level: "debug", message: `${what}: ${reasons.join("; ")}`, data };
  });
}

function isSavedByAsking({ verdict, byEvidence, exemptions }: Judgement): boolean {
  return verdict === "exempt" && byEvidence === "reap" && exemptions.every(({ asked }) => asked === true);
}

/** The standard log output of one tree, and why a planned one was spared. */
export function outcomeEvents(outcome: Outcome, observation: Observation, observing: boolean): LogEvent[] {
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

/**
 * Lists the processes of an outcome depth first, children by pid, those that the tree forked while it ended as well.
 * Guard: without recursion, which a chain of 8,000 nested processes overflowed after the kill and before the ledger.
 */
function rowsOf({ tree }: Judgement, chosen: readonly Proc[]): Row[] {
  const known = new Set(tree.members.map(keyOf));
  const late = chosen.filter((process) => !known.has(keyOf(process)));
  const wanted = new Set(chosen.map(keyOf));
  const all = [...tree.members, ...late].sort((a, b) => a.pid - b.pid);
  const children = new Map<number, Proc[]>();
  for (const process of all) {
    const siblings = children.get(process.ppid);
    if (siblings) siblings.push(process);
    else children.set(process.ppid, [process]);
  }
  const rows: Row[] = [];
  const met = new Set<number>();
  const visit = (top: Proc, depth: number): void => {
    const stack = [{ process: top, depth }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (met.has(next.process.pid)) continue;
      met.add(next.process.pid);
      if (wanted.has(keyOf(next.process))) rows.push(next);
      for (const child of (children.get(next.process.pid) ?? []).toReversed())
        stack.push({ process: child, depth: next.depth + 1 });
    }
  };
  visit(tree.root, 0);
  // What pid 1 adopted has no place below its parent any more.
  for (const process of all) visit(process, 1);
  return rows;
}
