/** Formats `list` for people: its columns, and a line of totals. */

import { memoryKiBOf, treeCosts } from "../../../core/costs/costs.ts";
import { ageOf, type Observation } from "../../../core/observation/observation.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import { countOf, formatMemory } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Judgement, Verdict } from "../../../core/verdict/judge.ts";
import { VERDICTS } from "../../../core/verdict/orphan.ts";
import type { Column, Paint } from "../text/shown.ts";

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

const memoryOf = ({ tree }: Judgement): number => memoryKiBOf(tree.members);

/** The columns of `list`. */
export function listColumns(
  observation: Observation,
  nameOf: (uid: number) => string,
  paint: Paint,
): Column<Judgement>[] {
  const cpuOf = ({ tree }: Judgement): string => {
    const { cpuSeconds } = treeCosts(tree, observation.ticksPerSecond);
    return cpuSeconds === null ? "-" : formatDuration(cpuSeconds * 1000);
  };
  return [
    { head: "PID", right: true, of: ({ tree }) => String(tree.root.pid) },
    { head: "USER", of: ({ tree }) => escapeText(nameOf(tree.uid)) },
    { head: "PRODUCT", of: ({ tree }) => tree.product },
    { head: "VERDICT", of: ({ verdict }) => paintVerdict(verdict, paint) },
    { head: "AGE", right: true, of: ({ tree }) => formatDuration(ageOf(tree.root, observation)) },
    { head: "CPU", right: true, of: cpuOf },
    { head: "MEMORY", right: true, of: (one) => formatMemory(memoryOf(one)) },
    { head: "WHY", of: ({ reasons }) => escapeText(reasons.join("; ")) },
  ];
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
