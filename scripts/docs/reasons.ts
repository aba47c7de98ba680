import { REASONS } from "../../src/core/evidence/reasons.ts";

/** The codes of reasons, for docs/reasons.md and the manual. */
const CODES = Object.entries(REASONS).flatMap(([verdict, codes]) =>
  Object.entries(codes).map(([code, meaning]) => ({ code, verdict, meaning })),
);

/** Makes the table of docs/reasons.md. */
export function reasonTable(): string {
  const rows = CODES.map(({ code, verdict, meaning }) => `| \`${code}\` | ${verdict} | ${meaning} |`);
  return ["| code | verdict | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** Makes the manual's list. */
export function reasonList(): string {
  const entries = CODES.map(
    ({ code, verdict, meaning }) => `**${code}** (${verdict})\n:   ${meaning.replaceAll("`", "**")}`,
  );
  return entries.join("\n\n");
}
