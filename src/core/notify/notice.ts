/** Writes what users read when their server was stopped, and the file that keeps it for their next login. */

import type { Observation } from "../observation/observation.ts";
import type { Policy } from "../policy/policy.ts";
import type { Outcome } from "../reap/outcome.ts";
import { formatDuration } from "../text/duration.ts";
import { countOf, localMinute } from "../text/format.ts";
import { escapeText, hostName } from "../text/safe-text.ts";
import { programsInTerminals } from "../tree/terminal-programs.ts";

/** One tree that was ended. */
export interface Notice {
  /**
   * Seconds since the epoch, made unique: a later notice of the same user has a greater one. Some shells that compare
   * them use 32 bits.
   */
  readonly id: number;
  /** Safe for every terminal. */
  readonly lines: readonly string[];
}

const FIRST_LINE = /^vscode-grim-reaper notices 1 \S+$/;

const MAX_NOTICES = 20;

/** In code points. */
const MAX_LINE = 240;

const MAX_NAMES = 8;

/** What the text depends on besides the tree. */
export interface NoticeContext {
  readonly observation: Pick<Observation, "host" | "uptime">;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly policy: Pick<Policy, "catalogue" | "keep">;
}

/** Writes the lines about one tree that was ended. */
export function noticeLines(outcome: Outcome, context: NoticeContext): string[] {
  const { observation, now, policy } = context;
  const { tree } = outcome.judgement;
  const product = policy.catalogue.products.find(({ id }) => id === tree.product);
  const names = programsInTerminals(tree);
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  const ended =
    names.length > 0
      ? `; programs in its terminals were ended: ${names.slice(0, MAX_NAMES).join(", ")}${more}`
      : "";
  return [
    `Your ${product?.name ?? tree.product} server on ${observation.host} was stopped at ${localMinute(now)}: ${whyStopped(outcome, observation.uptime)}.`,
    `  Saved files are safe${ended}.`,
    ...(product?.resume === undefined ? [] : [`  To continue: ${product.resume}`]),
    ...(policy.keep.max > 0 ? ["  To keep a server longer next time: vscode-grim-reaper keep 8h"] : []),
  ].map(safeLine);
}

function whyStopped({ judgement, survivors }: Outcome, uptime: number): string {
  const left =
    survivors.length > 0 ? `; ${countOf(survivors.length, "process", "processes")} could not be ended` : "";
  if (judgement.unforced !== "reap") return `an administrator ended it${left}`;
  const { clock, grace } = judgement;
  return `it had been unused for ${formatDuration(uptime - clock.at)} (limit ${formatDuration(grace)})${left}`;
}

/** Guard: users choose names, paths and addresses; one line stays one harmless line. */
function safeLine(text: string): string {
  const points = Array.from(escapeText(text));
  return points.length <= MAX_LINE ? points.join("") : `${points.slice(0, MAX_LINE - 1).join("")}…`;
}

/** Splits the site's own text into lines. */
export function siteLines(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(safeLine);
}

/** Adds new notices to those that still wait, oldest first. `days` is how long a notice waits. */
export function addNotices(
  before: readonly Notice[],
  added: readonly (readonly string[])[],
  now: number,
  days: number,
): Notice[] {
  const seconds = Math.floor(now / 1000);
  const kept = before.filter(({ id }) => id > seconds - days * 86_400);
  const last = kept.at(-1)?.id ?? 0;
  // A new notice sorts after all that were shown, even if the clock was set back or two are of the same second.
  const first = Math.max(seconds, last + 1);
  return [...kept, ...added.map((lines, i) => ({ id: first + i, lines }))].slice(-MAX_NOTICES);
}

/**
 * Formats the file: a first line that names its form and the host, `> id` before each notice, `| ` before its lines, `= `
 * before the site's. A shell can read it without another program.
 */
export function noticeFile(host: string, notices: readonly Notice[], site: readonly string[]): string {
  const lines = [
    `vscode-grim-reaper notices 1 ${hostName(host)}`,
    ...notices.flatMap(({ id, lines }) => [`> ${id}`, ...lines.map((line) => `| ${line}`)]),
    ...site.map((line) => `= ${line}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** Reads the notices in such a file; none if it has another form. */
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
