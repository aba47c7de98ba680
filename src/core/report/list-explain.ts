/** `list` and `explain` as text for people: pure, with the colours as functions. */

import type { Fact } from "../evidence/evidence.ts";
import type { Observation } from "../observation/observation.ts";
import { formatDuration } from "../text/duration.ts";
import { commandLine, escapeText, fit } from "../text/safe-text.ts";
import { ageOf, type Judgement, type Verdict } from "../verdict/judge.ts";
import { whatWouldChange } from "./hints.ts";
import { memoryOf } from "./json.ts";

/** Colours a text; the identity where there is no terminal. */
export type Paint = (style: "red" | "green" | "yellow" | "cyan" | "gray" | "bold", text: string) => string;
export const plain: Paint = (_style, text) => text;

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

/** "670 MiB": binary units, three significant digits at most. */
export function formatMemory(kib: number): string {
  if (kib < 1024) return `${kib} KiB`;
  const mib = kib / 1024;
  return mib < 1024 ? `${Math.round(mib)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

export const LIST_HEAD = [
  "PID",
  "USER",
  "PRODUCT",
  "VERDICT",
  "TAGGED",
  "AGE",
  "MEMORY",
  "PROCS",
  "WHY",
] as const;

/** One row of `list`, in the order of LIST_HEAD. */
export function listRow(
  judgement: Judgement,
  observation: Observation,
  nameOf: (uid: number) => string,
  paint: Paint,
): string[] {
  const { tree, tag, orphanedFor } = judgement;
  return [
    String(tree.root.pid),
    escapeText(nameOf(tree.uid)),
    tree.product,
    paintVerdict(judgement.verdict, paint),
    tag ? `${formatDuration(orphanedFor ?? 0)} ago${from(tag.remoteHost)}` : "no",
    formatDuration(ageOf(tree.root, observation)),
    formatMemory(memoryOf(judgement)),
    String(tree.members.length),
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

function factLine({ fact, value, detail }: Fact): string {
  return `  ${fit(fact, 10)} ${fit(value, 8)} ${escapeText(detail)}`;
}
