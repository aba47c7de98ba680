/** Formats `list` for people: rows, their order, and a line of totals. */

import { memoryKiBOf, treeCosts } from "../../../core/costs/costs.ts";
import { ageOf, type Observation } from "../../../core/observation/observation.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import { countOf, formatMemory } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Judgement, Verdict } from "../../../core/verdict/judge.ts";
import { VERDICTS } from "../../../core/verdict/orphan.ts";
import { type Column, type Paint, sortedBy } from "../text/shown.ts";

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

const memoryOf = ({ tree }: Judgement): number => memoryKiBOf(tree.members);
const cpuOf = ({ tree }: Judgement, { ticksPerSecond }: Observation): number | null =>
  treeCosts(tree, ticksPerSecond).cpuSeconds;

/** The columns of `list`. */
export function listColumns(observation: Observation, nameOf: NameOf, paint: Paint): Column<Judgement>[] {
  const ago = (uptime: number): string => `${formatDuration(observation.uptime - uptime)} ago`;
  return [
    { head: "PID", right: true, of: ({ tree }) => String(tree.root.pid) },
    { head: "USER", of: ({ tree }) => escapeText(nameOf(tree.uid)) },
    { head: "PRODUCT", of: ({ tree }) => tree.product },
    { head: "KIND", rank: 4, of: ({ tree }) => tree.kind },
    { head: "VERDICT", of: ({ verdict }) => paintVerdict(verdict, paint) },
    { head: "TAGGED", rank: 2, of: ({ clock: { tag } }) => (tag ? ago(tag.closedUptime) : "no") },
    { head: "AGE", right: true, of: ({ tree }) => formatDuration(ageOf(tree.root, observation)) },
    { head: "CPU", right: true, rank: 3, of: (one) => secondsOrDash(cpuOf(one, observation)) },
    { head: "MEMORY", right: true, of: (one) => formatMemory(memoryOf(one)) },
    { head: "PROCS", right: true, rank: 1, of: ({ tree }) => String(tree.members.length) },
    { head: "WHY", of: ({ reasons }) => escapeText(reasons.join("; ")) },
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
  const pidOf = ({ tree }: Judgement): number => tree.root.pid;
  const keys: Readonly<Record<SortKey, (one: Judgement) => number | string>> = {
    pid: pidOf,
    user: ({ tree }) => nameOf(tree.uid),
    age: ({ tree }) => -ageOf(tree.root, observation),
    cpu: (one) => -(cpuOf(one, observation) ?? 0),
    memory: (one) => -memoryOf(one),
    verdict: ({ verdict }) => VERDICTS.indexOf(verdict),
  };
  return sortedBy(judgements, keys[key], pidOf);
}

/** Sums up trees in one line: "3 trees, 18 processes, 1.4 GiB: 1 reap (467 MiB), 2 spare (950 MiB)". */
export function totalsLine(judgements: readonly Judgement[]): string {
  const sizeOf = (some: readonly Judgement[]): string =>
    formatMemory(some.reduce((sum, one) => sum + memoryOf(one), 0));
  const processes = judgements.reduce((sum, { tree }) => sum + tree.members.length, 0);
  const parts = VERDICTS.flatMap((verdict) => {
    const some = judgements.filter((one) => one.verdict === verdict);
    return some.length > 0 ? [`${some.length} ${verdict} (${sizeOf(some)})`] : [];
  });
  const all = `${countOf(judgements.length, "tree")}, ${countOf(processes, "process", "processes")}, ${sizeOf(judgements)}`;
  return `${all}: ${parts.join(", ")}`;
}
