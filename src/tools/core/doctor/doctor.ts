/** `doctor`: turns an examination into one line per check: well, doubtful or broken, and the remedy. */

import { countOf } from "../../../core/text/format.ts";
import type { Paint } from "../text/shown.ts";
import { type Check, type Health, runChecks } from "./check.ts";
import type { Examination } from "./examination.ts";
import { HOOK_CHECKS } from "./hook-checks.ts";
import { HOST_CHECKS } from "./host-checks.ts";
import { SELINUX_CHECKS } from "./selinux-checks.ts";

/** Every check, in the order in which an administrator would correct things. */
export function diagnose(seen: Examination): Check[] {
  return runChecks({ ...HOST_CHECKS, ...HOOK_CHECKS, ...SELINUX_CHECKS }, seen);
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
