/** The site's own word about a tree: what its veto program is asked, and what its answer means. */

import type { Fault } from "../observation/fault.ts";
import type { Observation } from "../observation/observation.ts";
import { treeDocument } from "../report/json.ts";
import { escapeText, safeJson } from "../text/safe-text.ts";
import type { Judgement } from "../verdict/judge.ts";

/** The exit status with which the program spares a tree. */
export const SPARE = 10;

/** How a run of the program ended. */
export type Run =
  | { readonly status: number; readonly output: string }
  /** It did not run, a signal or the time limit ended it, or root would not run it. */
  | { readonly failure: string };

/** Null spares nothing. A fault always spares. */
export interface Answer {
  readonly spared: string | null;
  readonly fault: Fault | null;
}

const MAX_REASON = 200;

/** The line that the program reads: the tree as `list --json` has it, with host and user. Ends with a newline. */
export function vetoQuestion(
  judgement: Judgement,
  observation: Observation,
  user: string,
  dryRun: boolean,
): string {
  const { host } = observation;
  return `${safeJson({ schemaVersion: 1, host, user, dryRun, ...treeDocument(judgement, observation) })}\n`;
}

/**
 * What a run means for its tree. Guard: only exit status 0 lets a tree end. Whatever else happens spares it, so that a
 * program that broke, or that somebody broke, ends nothing.
 */
export function vetoAnswer(program: string, pid: number, run: Run): Answer {
  if ("failure" in run) return faulty(program, pid, run.failure);
  if (run.status === 0) return { spared: null, fault: null };
  const said = escapeText((run.output.split("\n")[0] ?? "").trim()).slice(0, MAX_REASON);
  if (run.status !== SPARE)
    return faulty(program, pid, `exit status ${run.status}${said === "" ? "" : `: ${said}`}`);
  return { spared: `the site's veto: ${said === "" ? "no reason given" : said}`, fault: null };
}

function faulty(program: string, pid: number, detail: string): Answer {
  const fault: Fault = { what: `ask ${program} about the tree of ${pid}`, detail };
  return { spared: "the site's veto program failed", fault };
}
