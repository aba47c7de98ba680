import { REASON_CODES } from "../../src/core/verdict/reason-codes.ts";

/** The codes of reasons, for docs/reasons.md and the manual. */

/** Makes the table of docs/reasons.md. */
export function reasonTable(): string {
  const rows = Object.entries(REASON_CODES).map(
    ([code, { verdict, meaning }]) => `| \`${code}\` | ${verdict} | ${meaning} |`,
  );
  return ["| code | verdict | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** Makes the manual's list. */
export function reasonList(): string {
  const entries = Object.entries(REASON_CODES).map(
    ([code, { verdict, meaning }]) => `**${code}** (${verdict})\n:   ${meaning.replaceAll("`", "**")}`,
  );
  return entries.join("\n\n");
}
