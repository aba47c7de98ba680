/** What one check of `doctor` says, how a table of checks is run, and how that is shown. */

import { countOf } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Paint } from "../text/shown.ts";
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

const STYLE: Readonly<Record<Health, Parameters<Paint>[0]>> = {
  ok: "green",
  warning: "yellow",
  fault: "red",
};

/** A line a check, and its remedy below it where there is one; a last line that sums up. */
export function doctorLines(checks: readonly Check[], paint: Paint): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, health, detail, remedy }) => [
    `${paint(STYLE[health], health.padEnd(7))}  ${name.padEnd(width)}  ${detail}`,
    ...(remedy === null ? [] : [`${" ".repeat(9 + width + 2)}→ ${remedy}`]),
  ]);
  const count = (health: Health): number => checks.filter((check) => check.health === health).length;
  return [
    ...lines,
    "",
    `${count("ok")} ok, ${countOf(count("warning"), "warning")}, ${countOf(count("fault"), "fault")}`,
  ];
}
