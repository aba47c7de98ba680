/** What a person is told when their server was ended, and the file that keeps it for their next login. */

import { costsInWords } from "../costs/words.ts";
import type { Policy } from "../policy/policy.ts";
import { freedBy } from "../reap/freed-memory.ts";
import type { Outcome } from "../reap/outcome.ts";
import { formatMemory, localMinute } from "../text/format.ts";
import { escapeText, hostName } from "../text/safe-text.ts";
import { programsInTerminals } from "../tree/terminal-programs.ts";

/** One reap. */
export interface Notice {
  /**
   * Seconds since the epoch, made unique: a later notice of the same user has a greater one. Some shells that compare
   * them count in 32 bits.
   */
  readonly id: number;
  /** Safe for any terminal. */
  readonly lines: readonly string[];
}

const FIRST_LINE = /^vscode-grim-reaper notices 1 \S+$/;

const MAX_NOTICES = 20;

/** In code points: four bytes each stay below the 998 that a mail's line may have. */
export const MAX_LINE = 240;

const MAX_HELD = 8;

/** What is said of one tree that was ended. `now`: milliseconds since the epoch. */
export function noticeLines(outcome: Outcome, host: string, now: number): string[] {
  const { judgement, killed, survivors } = outcome;
  const { tree } = judgement;
  const freed = outcome.freed ?? freedBy(killed);
  const size = `${killed.length} process(es), ${formatMemory(freed.kib)}`;
  const left = survivors.length > 0 ? `; ${survivors.length} could not be ended` : "";
  const held = programsInTerminals(tree);
  const more = held.length > MAX_HELD ? ` and ${held.length - MAX_HELD} more` : "";
  const forced = judgement.unforced !== "reap";
  return [
    `Your ${tree.product} server on ${host} was ended at ${localMinute(now)}: ${size}${left}.`,
    `  Why: ${forced ? "an administrator ended it" : judgement.reasons.join("; ")}`,
    ...(outcome.costs ? [`  It had used ${costsInWords(outcome.costs)}.`] : []),
    ...(held.length > 0 ? [`  In its terminals: ${held.slice(0, MAX_HELD).join(", ")}${more}`] : []),
  ].map(safeLine);
}

/** Guard: names, paths and addresses are of users' choosing; one line stays one line, and harmless. */
function safeLine(text: string): string {
  const points = Array.from(escapeText(text));
  return points.length <= MAX_LINE ? points.join("") : `${points.slice(0, MAX_LINE - 1).join("")}…`;
}

/** The site's own words, as lines. */
export function siteLines({ text, url }: Policy["notice"]): string[] {
  return [...text.split("\n"), url].filter((line) => line !== "").map(safeLine);
}

/** The notices of before that still wait, and the new ones, oldest first. */
export function addNotices(
  before: readonly Notice[],
  added: readonly (readonly string[])[],
  now: number,
  days: number,
): Notice[] {
  const seconds = Math.floor(now / 1000);
  const kept = before.filter(({ id }) => id > seconds - days * 86_400);
  const last = kept.at(-1)?.id ?? 0;
  // Also when the clock was set back, or two were made in one second: a new one is after all that were shown.
  const first = Math.max(seconds, last + 1);
  return [...kept, ...added.map((lines, i) => ({ id: first + i, lines }))].slice(-MAX_NOTICES);
}

/**
 * The file: a first line that names its form and the host, `> id` before each notice, `| ` before its lines, `= ` before
 * the site's. A shell can read it without a program's help.
 */
export function noticeFile(host: string, notices: readonly Notice[], site: readonly string[]): string {
  const lines = [
    `vscode-grim-reaper notices 1 ${hostName(host)}`,
    ...notices.flatMap(({ id, lines }) => [`> ${id}`, ...lines.map((line) => `| ${line}`)]),
    ...site.map((line) => `= ${line}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** The notices in such a file; none when it is of another form. */
export function parseNotices(text: string): Notice[] {
  const [first = "", ...lines] = text.split("\n");
  if (!FIRST_LINE.test(first)) return [];
  const notices: { id: number; lines: string[] }[] = [];
  for (const line of lines) {
    const id = /^> (\d{1,15})$/.exec(line)?.[1];
    if (id !== undefined) notices.push({ id: Number(id), lines: [] });
    else if (line.startsWith("| ")) notices.at(-1)?.lines.push(line.slice(2));
  }
  return notices;
}
