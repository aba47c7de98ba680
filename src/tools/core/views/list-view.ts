/** Formats `list` for people: rows, their order, and a line of totals. */

import { memoryKiBOf, treeCosts } from "../../../core/costs/costs.ts";
import { ageOf, type Observation } from "../../../core/observation/observation.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import { countOf, formatMemory, type Paint } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Judgement, Verdict } from "../../../core/verdict/judge.ts";
import { VERDICTS } from "../../../core/verdict/orphan.ts";
import { shownVerdict, whyUnseen } from "./observer.ts";

const memoryOf = ({ tree }: Judgement): number => memoryKiBOf(tree.members);

const STYLE: Readonly<Record<Verdict, Parameters<Paint>[0]>> = {
  reap: "red",
  wait: "yellow",
  spare: "green",
  exempt: "cyan",
  unknown: "gray",
};

/** Colours a verdict. */
export function paintVerdict(verdict: Verdict, paint: Paint): string {
  return paint(STYLE[verdict], verdict);
}

/** A column of a table. Numbers stand to the right. */
export interface Column {
  readonly head: string;
  readonly align: "left" | "right";
  /** A narrow terminal shows the columns without a number, and of the others those with the highest. */
  readonly rank?: number;
}

const COLUMNS = [
  ["PID", "right"],
  ["USER", "left"],
  ["PRODUCT", "left"],
  ["KIND", "left", 4],
  ["VERDICT", "left"],
  ["TAGGED", "left", 2],
  ["AGE", "right"],
  ["CPU", "right", 3],
  ["MEMORY", "right"],
  ["PROCS", "right", 1],
  ["WHY", "left"],
] as const;

/** The columns of `list`. */
export const LIST_COLUMNS: readonly Column[] = COLUMNS.map(([head, align, rank]) => ({
  head,
  align,
  ...(rank !== undefined && { rank }),
}));

/** What a row needs besides the verdict. */
export interface RowFacts {
  readonly nameOf: (uid: number) => string;
}

/** Formats one row below LIST_COLUMNS. */
export function listRow(
  judgement: Judgement,
  observation: Observation,
  { nameOf }: RowFacts,
  paint: Paint,
): string[] {
  const { tree, clock } = judgement;
  const { cpuSeconds } = treeCosts(tree, observation.ticksPerSecond);
  return [
    String(tree.root.pid),
    escapeText(nameOf(tree.uid)),
    tree.product,
    tree.kind,
    paintVerdict(shownVerdict(judgement, observation), paint),
    clock.tag ? `${formatDuration(observation.uptime - clock.tag.closedUptime)} ago` : "no",
    formatDuration(ageOf(tree.root, observation)),
    cpuSeconds === null ? "-" : formatDuration(cpuSeconds * 1000),
    formatMemory(memoryOf(judgement)),
    String(tree.members.length),
    escapeText(whyUnseen(judgement, observation) ?? judgement.reasons.join("; ")),
  ];
}

/** What `list --sort` takes. */
export const SORT_KEYS = ["pid", "user", "age", "cpu", "memory", "verdict"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** Sorts trees. By age, CPU and memory the largest come first. */
export function sortTrees(
  judgements: readonly Judgement[],
  key: SortKey,
  observation: Observation,
  { nameOf }: RowFacts,
): Judgement[] {
  const byNumber = (of: (one: Judgement) => number) => (a: Judgement, b: Judgement) => of(b) - of(a);
  const order: Readonly<Record<SortKey, (a: Judgement, b: Judgement) => number>> = {
    pid: (a, b) => a.tree.root.pid - b.tree.root.pid,
    user: (a, b) => (nameOf(a.tree.uid) < nameOf(b.tree.uid) ? -1 : 1),
    age: byNumber(({ tree }) => ageOf(tree.root, observation)),
    cpu: byNumber(({ tree }) => treeCosts(tree, observation.ticksPerSecond).cpuSeconds ?? 0),
    memory: byNumber(memoryOf),
    verdict: (a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict),
  };
  return [...judgements].sort((a, b) => order[key](a, b) || a.tree.root.pid - b.tree.root.pid);
}

/** Sums up trees in one line: "3 trees, 18 processes, 1.4 GiB: 1 reap (467 MiB), 2 spare (950 MiB)". */
export function totalsLine(judgements: readonly Judgement[], observation: Observation): string {
  const sizeOf = (some: readonly Judgement[]): string =>
    formatMemory(some.reduce((sum, one) => sum + memoryOf(one), 0));
  const processes = judgements.reduce((sum, { tree }) => sum + tree.members.length, 0);
  const parts = VERDICTS.flatMap((verdict) => {
    const some = judgements.filter((one) => shownVerdict(one, observation) === verdict);
    return some.length > 0 ? [`${some.length} ${verdict} (${sizeOf(some)})`] : [];
  });
  const all = `${countOf(judgements.length, "tree")}, ${countOf(processes, "process", "processes")}, ${sizeOf(judgements)}`;
  return `${all}: ${parts.join(", ")}`;
}
