import type { Costs, TreeCosts } from "../costs/costs.ts";
import { costsInWords, limitLines } from "../costs/words.ts";
import type { Fact } from "../evidence/evidence.ts";
import { ageOf, type Observation } from "../observation/observation.ts";
import { formatDuration } from "../text/duration.ts";
import { formatMemory, type Paint } from "../text/format.ts";
import { commandLine, escapeText, fit } from "../text/safe-text.ts";
import type { Judgement, Verdict } from "../verdict/judge.ts";
import { whatWouldChange } from "./hints.ts";
import { memoryOf } from "./json.ts";

/** `list` and `explain` as text for people: pure, with the colours as functions. */

const STYLE: Readonly<Record<Verdict, Parameters<Paint>[0]>> = {
  reap: "red",
  wait: "yellow",
  spare: "green",
  exempt: "cyan",
  unknown: "gray",
};

export function paintVerdict(verdict: Verdict, paint: Paint): string {
  return paint(STYLE[verdict], verdict);
}

export const LIST_HEAD = [
  "PID",
  "USER",
  "PRODUCT",
  "VERDICT",
  "TAGGED",
  "AGE",
  "MEMORY",
  "CPU",
  "PROCS",
  "WATCHES",
  "WHY",
] as const;

/** One row of `list`, in the order of LIST_HEAD. */
export function listRow(
  judgement: Judgement,
  observation: Observation,
  nameOf: (uid: number) => string,
  paint: Paint,
  costs?: TreeCosts,
): string[] {
  const { tree, tag, orphanedFor } = judgement;
  const { cpuSeconds = null, inotifyWatches = null } = costs ?? {};
  return [
    String(tree.root.pid),
    escapeText(nameOf(tree.uid)),
    tree.product,
    paintVerdict(judgement.verdict, paint),
    tag ? `${formatDuration(orphanedFor ?? 0)} ago${from(tag.remoteHost)}` : "no",
    formatDuration(ageOf(tree.root, observation)),
    formatMemory(memoryOf(judgement)),
    cpuSeconds === null ? "?" : formatDuration(cpuSeconds * 1000),
    String(tree.members.length),
    inotifyWatches === null ? "?" : String(inotifyWatches),
    escapeText(judgement.reasons.join("; ")),
  ];
}

function from(remoteHost: string | null): string {
  return remoteHost === null ? "" : `, from ${escapeText(remoteHost)}`;
}

/** Everything about the tree that holds `pid`. */
export function explainLines(
  judgement: Judgement,
  observation: Observation,
  pid: number,
  hints: readonly Fact[],
  paint: Paint,
  costs: Costs | null = null,
): string[] {
  const { tree, verdict, reasons, facts, tag } = judgement;
  const place = tree.root.pid === pid ? `Process ${pid} is the root` : `Process ${pid} belongs to the tree`;
  const size = `${tree.members.length} process(es), ${formatMemory(memoryOf(judgement))}`;
  const lines = [
    `${place} of ${tree.root.pid}: ${tree.product}, uid ${tree.uid}, ${size}, started ${formatDuration(ageOf(tree.root, observation))} ago`,
    `    ${commandLine(tree.root)}`,
    "",
    `Verdict  ${paintVerdict(verdict, paint)}`,
    ...reasons.map((reason) => `         ${escapeText(reason)}`),
    `Grace    ${formatDuration(judgement.grace)}${tag ? `, of which ${formatDuration(judgement.orphanedFor ?? 0)} have passed` : ""}`,
    ...costLines(costs),
    "",
    paint("bold", "What decides"),
    ...facts.map((fact) => factLine(fact)),
    paint("bold", "What only hints"),
    ...hints.map((fact) => factLine(fact)),
  ];
  if (tree.sparedBelow.length > 0) {
    lines.push(paint("bold", "Below it, and no part of it"));
    for (const { process, why } of tree.sparedBelow)
      lines.push(`  ${process.pid}  ${commandLine(process)}: ${escapeText(why)}`);
  }
  lines.push("", whatWouldChange(judgement));
  return lines;
}

function costLines(costs: Costs | null): string[] {
  const limits = costs?.users.flatMap((user) => limitLines(user, 0)) ?? [];
  return [
    ...(costs?.trees.map((tree) => `Costs    ${costsInWords(tree)}`) ?? []),
    ...limits.map((line, i) => `${i === 0 ? "User    " : "        "} ${line}`),
  ];
}

function factLine({ fact, value, detail }: Fact): string {
  return `  ${fit(fact, 10)} ${fit(value, 8)} ${escapeText(detail)}`;
}
