/** Writes what users read when their server was stopped, and the file that keeps it for their next login. */

import type { Observation } from "../observation/observation.ts";
import type { Policy } from "../policy/policy.ts";
import type { Outcome } from "../reap/outcome.ts";
import { formatDuration } from "../text/duration.ts";
import { countOf, localMinute } from "../text/format.ts";
import { escapeText } from "../text/safe-text.ts";
import { programsInTerminals } from "../tree/terminal-programs.ts";

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

/** One notice in the file, with its id. */
const NOTICE = /^> (\d{1,15})\n(?:\| .*\n)*/gm;

/** What the file of a user is made of. */
export interface NoticeFile {
  readonly host: string;
  /** The file as it is; of a text of another form nothing is kept. */
  readonly before: string;
  /** The lines about each tree that was ended. */
  readonly added: readonly (readonly string[])[];
  /** The site's own text. */
  readonly site: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** For how many days a notice waits. */
  readonly days: number;
}

/**
 * Makes the file: a first line that names its form and the host, `> id` before each notice, `| ` before its lines, `= ` before
 * the site's. A shell can read it without another program. An id is seconds since the epoch, for some shells compare 32 bits.
 */
export function noticeFile({ host, before, added, site, now, days }: NoticeFile): string {
  const seconds = Math.floor(now / 1000);
  const all = [...before.matchAll(NOTICE)].map(([text, id]) => ({ id: Number(id), text }));
  const kept = all.filter(({ id }) => id > seconds - days * 86_400);
  // A new notice sorts after all that were shown, even if the clock was set back or two are of the same second.
  const first = Math.max(seconds, (kept.at(-1)?.id ?? 0) + 1);
  const fresh = added.map((lines, i) => `> ${first + i}\n${lines.map((line) => `| ${line}\n`).join("")}`);
  // The shell takes the name into that of a file.
  const name = host.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^[.-]+/, "") || "localhost";
  const siteLines = site.split("\n").filter((line) => line !== "");
  return [
    `vscode-grim-reaper notices 1 ${name}\n`,
    ...[...kept.map(({ text }) => text), ...fresh].slice(-MAX_NOTICES),
    ...siteLines.map((line) => `= ${safeLine(line)}\n`),
  ].join("");
}
