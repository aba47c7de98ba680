/** Formats `list` for people: rows, their order, and a line of totals. */

import { memoryKiBOf, treeCosts } from "../../../core/costs/costs.ts";
import { ageOf, type Observation } from "../../../core/observation/observation.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import { countOf, formatMemory } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Judgement, Verdict } from "../../../core/verdict/judge.ts";
import { VERDICTS } from "../../../core/verdict/orphan.ts";
import type { Column, Paint } from "../text/shown.ts";
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

/** How a uid is shown. */
export type NameOf = (uid: number) => string;

/** The columns of `list`. */
export function listColumns(observation: Observation, nameOf: NameOf, paint: Paint): Column<Judgement>[] {
  const cpuOf = ({ tree }: Judgement): number | null =>
    treeCosts(tree, observation.ticksPerSecond).cpuSeconds;
  const whyOf = (one: Judgement): string => whyUnseen(one, observation) ?? one.reasons.join("; ");
  const ago = (uptime: number): string => `${formatDuration(observation.uptime - uptime)} ago`;
  return [
    { head: "PID", right: true, of: ({ tree }) => String(tree.root.pid) },
    { head: "USER", of: ({ tree }) => escapeText(nameOf(tree.uid)) },
    { head: "PRODUCT", of: ({ tree }) => tree.product },
    { head: "KIND", rank: 4, of: ({ tree }) => tree.kind },
    { head: "VERDICT", of: (one) => paintVerdict(shownVerdict(one, observation), paint) },
    { head: "TAGGED", rank: 2, of: ({ clock: { tag } }) => (tag ? ago(tag.closedUptime) : "no") },
    { head: "AGE", right: true, of: ({ tree }) => formatDuration(ageOf(tree.root, observation)) },
    { head: "CPU", right: true, rank: 3, of: (one) => secondsOrDash(cpuOf(one)) },
    { head: "MEMORY", right: true, of: (one) => formatMemory(memoryOf(one)) },
    { head: "PROCS", right: true, rank: 1, of: ({ tree }) => String(tree.members.length) },
    { head: "WHY", of: (one) => escapeText(whyOf(one)) },
  ];
}

/** Formats seconds, "-" where they are not known. */
export const secondsOrDash = (seconds: number | null): string =>
  seconds === null ? "-" : formatDuration(seconds * 1000);

/** What `list --sort` takes. */
export const SORT_KEYS = ["pid", "user", "age", "cpu", "memory", "verdict"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** Sorts trees. By age, CPU and memory the largest come first. */
export function sortTrees(
  judgements: readonly Judgement[],
  key: SortKey,
  observation: Observation,
  nameOf: NameOf,
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
