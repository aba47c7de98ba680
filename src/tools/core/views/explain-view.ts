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
import { paintVerdict } from "./list-view.ts";

/** Guard: a user can start any number of processes; this many are shown. */
const MAX_PROCESSES = 40;

/** What is shown beside the judgement. */
export interface Shown {
  readonly hints: readonly Fact[];
  /** Null: not counted, or not in time. */
  readonly fileWatches: number | null;
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
  { hints, fileWatches, path = null, change }: Shown,
  paint: Paint,
): string[] {
  const { tree, verdict, reasons, facts, isInUse, grace, clock } = judgement;
  const place = tree.root.pid === pid ? `Process ${pid} is the root` : `Process ${pid} belongs to the tree`;
  const size = `${countOf(tree.members.length, "process", "processes")}, ${formatMemory(memoryKiBOf(tree.members))}`;
  const since = isInUse ? "" : `, ${sinceWhen(clock, observation)}`;
  const { cpuSeconds, threads } = treeCosts(tree, observation.ticksPerSecond);
  const costs = [
    ...(cpuSeconds === null ? [] : [`${formatDuration(cpuSeconds * 1000)} of CPU time`]),
    countOf(threads, "thread"),
    ...(fileWatches === null ? [] : [countOf(fileWatches, "file watch", "file watches")]),
  ];
  return [
    `${place} of ${tree.root.pid}: ${tree.product}, uid ${tree.uid}, ${size}, started ${formatDuration(ageOf(tree.root, observation))} ago`,
    `    ${commandLine(tree.root)}`,
    "",
    ...labelled("Verdict", [paintVerdict(verdict, paint), ...reasons.map(escapeText)]),
    ...labelled("Grace", [formatDuration(grace) + since]),
    ...labelled("Costs", [costs.join(", ")]),
    "",
    paint("bold", "Facts that decide"),
    ...facts.map(factLine),
    ...(path === null ? [] : [factLine({ fact: "path", value: "yes", detail: path })]),
    paint("bold", "Hints, which never decide"),
    ...hints.map(factLine),
    paint("bold", "Its processes"),
    ...processLines(judgement),
    ...(tree.sparedBelow.length > 0 ? [paint("bold", "Below it, but not part of it")] : []),
    ...tree.sparedBelow.map(
      ({ process, why }) => `  ${process.pid}  ${commandLine(process)}: ${escapeText(why)}`,
    ),
    "",
    change,
  ];
}

/** Lines with a label before the first one. */
const labelled = (label: string, lines: readonly string[]): string[] =>
  lines.map((line, i) => `${fit(i === 0 ? label : "", 8)} ${line}`);

function processLines({ tree, ...judgement }: Judgement): string[] {
  const rows = rowsOf({ tree, ...judgement }, tree.members);
  const width = rows.reduce((most, { process }) => Math.max(most, String(process.pid).length), 0);
  const memory = new Map(tree.members.map(({ pid, rssKiB }) => [pid, rssKiB]));
  // Every process of a server repeats the folder of the installation.
  const folder = escapeText(tree.root.exe?.replace(/[^/]+$/, "") ?? "");
  const lines = rows.slice(0, MAX_PROCESSES).map(({ process, depth }) => {
    const command = commandLine(process);
    const short = folder.length > 2 ? command.replaceAll(folder, "…/") : command;
    const kib = formatMemory(memory.get(process.pid) ?? 0);
    return `  ${String(process.pid).padStart(width)}  ${kib.padStart(8)}  ${"  ".repeat(Math.min(depth, 12))}${short}`;
  });
  const more = rows.length - MAX_PROCESSES;
  return more > 0 ? [...lines, `  … and ${more} more`] : lines;
}

const factLine = ({ fact, value, detail }: Fact): string =>
  `  ${fit(fact, 10)} ${fit(value, 8)} ${escapeText(detail)}`;
