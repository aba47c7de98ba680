/** What one check of `doctor` says, and how a table of checks is run. */

import { escapeText } from "../../../core/text/safe-text.ts";
import type { Examination } from "./examination.ts";

export type Health = "ok" | "warning" | "fault";

/** One line of `doctor`. */
export interface Check {
  readonly name: string;
  readonly health: Health;
  readonly detail: string;
  /** What to do; null where all is well. */
  readonly remedy: string | null;
}

/** A text: what is well. Null: there is nothing to say on this host. */
export type Finding = string | Omit<Check, "name"> | null;

/** Checks by name, in the order in which an administrator would correct things. */
export type Checks = Readonly<Record<string, (seen: Examination) => Finding>>;

export const warning = (detail: string, remedy: string): Finding => ({ health: "warning", detail, remedy });
export const fault = (detail: string, remedy: string): Finding => ({ health: "fault", detail, remedy });

/** What a question without an answer says. */
export const unknown = ({ failed }: { readonly failed: string }, remedy: string): Finding =>
  warning(`unknown: ${escapeText(failed)}`, remedy);

export function runChecks(checks: Checks, seen: Examination): Check[] {
  return Object.entries(checks).flatMap(([name, check]): Check[] => {
    const found = check(seen);
    if (found === null) return [];
    if (typeof found === "string") return [{ name, health: "ok", detail: found, remedy: null }];
    return [{ name, ...found }];
  });
}
