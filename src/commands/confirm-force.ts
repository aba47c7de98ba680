/** Asks before a forced sweep of a whole host ends trees that somebody uses. */

import { createInterface } from "node:readline/promises";
import { countOf } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import type { Judgement } from "../core/verdict/judge.ts";
import { namesOf } from "../shell/host/accounts.ts";
import { writeAll } from "../shell/output/log.ts";

/** Shows how many trees would be ended and whose are in use, and asks on the terminal; true for yes. */
export async function confirmForce(judgements: readonly Judgement[]): Promise<boolean> {
  const planned = judgements.filter(({ verdict }) => verdict === "reap");
  const inUse = planned.filter(({ unforced }) => unforced === "spare");
  if (planned.length === 0) return true;
  const verb = inUse.length === 1 ? "is" : "are";
  const lines = [
    `--force ends ${countOf(planned.length, "tree")}, of which ${inUse.length} ${verb} in use${whose(inUse)}.`,
    "To choose, give -u USER or --pid PID; to see what would be ended, -n.",
  ];
  writeAll(2, `${lines.join("\n")}\n`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`End ${planned.length === 1 ? "it" : "them"}? [y/N] `);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

function whose(inUse: readonly Judgement[]): string {
  if (inUse.length === 0) return "";
  const counts = new Map<number, number>();
  for (const { tree } of inUse) counts.set(tree.uid, (counts.get(tree.uid) ?? 0) + 1);
  const names = namesOf([...counts.keys()]);
  const users = [...counts].map(([uid, count]) => `${escapeText(names.get(uid) ?? String(uid))} ${count}`);
  return ` (${users.join(", ")})`;
}
