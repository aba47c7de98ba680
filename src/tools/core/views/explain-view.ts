/** Formats `explain` for people: every fact about one tree, its processes, and what would change its verdict. */

import { memoryKiBOf, treeCosts } from "../../../core/costs/costs.ts";
import type { Fact } from "../../../core/evidence/evidence.ts";
import { ageOf, type Observation } from "../../../core/observation/observation.ts";
import { rowsOf } from "../../../core/report/sweep-events.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import { countOf, formatMemory } from "../../../core/text/format.ts";
import { commandLine, escapeText, fit } from "../../../core/text/safe-text.ts";
import type { Judgement } from "../../../core/verdict/judge.ts";
import { sinceWhen } from "../../../core/verdict/orphan.ts";
import type { Paint } from "../text/shown.ts";
import { limitLines, type UserLimits } from "./limits.ts";
import { paintVerdict } from "./list-view.ts";
import { shownFact, shownVerdict, whyUnseen } from "./observer.ts";

/** Guard: a user can start any number of processes; this many are shown. */
const MAX_PROCESSES = 40;

/** What is shown beside the judgement. */
export interface Shown {
  readonly hints: readonly Fact[];
  /** Null: not counted, or not in time. */
  readonly fileWatches: number | null;
  readonly limits: UserLimits;
  /** The way by which it is used; null: not found. */
  readonly path?: string | null;
  /** What would change the verdict. */
  readonly change: string;
}

/** Formats everything about the tree that contains `pid`. */
export function explainLines(
  judgement: Judgement,
  observation: Observation,
  pid: number,
  { hints, fileWatches, limits, path = null, change }: Shown,
  paint: Paint,
): string[] {
  const { tree, reasons, facts, isInUse } = judgement;
  const place = tree.root.pid === pid ? `Process ${pid} is the root` : `Process ${pid} belongs to the tree`;
  const size = `${countOf(tree.members.length, "process", "processes")}, ${formatMemory(memoryKiBOf(tree.members))}`;
  const unseen = whyUnseen(judgement, observation);
  return [
    `${place} of ${tree.root.pid}: ${tree.product}, uid ${tree.uid}, ${size}, started ${formatDuration(ageOf(tree.root, observation))} ago`,
    `    ${commandLine(tree.root)}`,
    "",
    `Verdict  ${paintVerdict(shownVerdict(judgement, observation), paint)}`,
    ...(unseen === null ? reasons : [unseen, ...reasons.map((reason) => `as you see it: ${reason}`)]).map(
      (reason) => `         ${escapeText(reason)}`,
    ),
    `Grace    ${formatDuration(judgement.grace)}${isInUse ? "" : `, ${sinceWhen(judgement.clock, observation)}`}`,
    costLine(judgement, observation, fileWatches),
    ...limitLines(limits, 0).map((line, i) => `${i === 0 ? "User    " : "        "} ${line}`),
    "",
    paint("bold", "Facts that decide"),
    ...facts.map((fact) => factLine(shownFact(fact, observation))),
    ...(path === null ? [] : [factLine({ fact: "path", value: "yes", detail: path })]),
    paint("bold", "Hints, which never decide"),
    ...hints.map((fact) => factLine(fact)),
    paint("bold", "Its processes"),
    ...processLines(judgement),
    ...below(judgement, paint),
    "",
    unseen === null ? change : "Ask an administrator, or end it yourself: vscode-grim-reaper end",
  ];
}

/** "Costs    3h2m of CPU time, 24 processes, 310 threads, 52311 file watches". What is unknown is left out. */
function costLine({ tree }: Judgement, { ticksPerSecond }: Observation, fileWatches: number | null): string {
  const { cpuSeconds, processes, threads } = treeCosts(tree, ticksPerSecond);
  const parts = [
    ...(cpuSeconds === null ? [] : [`${formatDuration(cpuSeconds * 1000)} of CPU time`]),
    countOf(processes, "process", "processes"),
    countOf(threads, "thread"),
    ...(fileWatches === null ? [] : [countOf(fileWatches, "file watch", "file watches")]),
  ];
  return `Costs    ${parts.join(", ")}`;
}

function processLines(judgement: Judgement): string[] {
  const rows = rowsOf(judgement, judgement.tree.members);
  const width = rows.reduce((most, { process }) => Math.max(most, String(process.pid).length), 0);
  const memory = new Map(judgement.tree.members.map(({ pid, rssKiB }) => [pid, rssKiB]));
  const lines = rows
    .slice(0, MAX_PROCESSES)
    .map(
      ({ process, depth }) =>
        `  ${String(process.pid).padStart(width)}  ${formatMemory(memory.get(process.pid) ?? 0).padStart(8)}  ${"  ".repeat(Math.min(depth, 12))}${shortCommand(judgement, commandLine(process))}`,
    );
  const more = rows.length - MAX_PROCESSES;
  return more > 0 ? [...lines, `  … and ${more} more`] : lines;
}

/** Shortens the folder of the installation, which every process of a server repeats. */
function shortCommand({ tree }: Judgement, command: string): string {
  const path = tree.root.exe?.replace(/\/[^/]+$/, "") ?? "";
  return path.length < 2 ? command : command.replaceAll(`${escapeText(path)}/`, "…/");
}

function below({ tree }: Judgement, paint: Paint): string[] {
  if (tree.sparedBelow.length === 0) return [];
  const lines = tree.sparedBelow.map(
    ({ process, why }) => `  ${process.pid}  ${commandLine(process)}: ${escapeText(why)}`,
  );
  return [paint("bold", "Below it, but not part of it"), ...lines];
}

function factLine({ fact, value, detail }: Fact): string {
  return `  ${fit(fact, 10)} ${fit(value, 8)} ${escapeText(detail)}`;
}
