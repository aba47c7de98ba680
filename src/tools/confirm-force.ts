/** Asks on the terminal, as before a forced sweep of a whole host ends trees that are in use. */

import { thisHost } from "../commands/shared.ts";
import { keyOf } from "../core/observation/process.ts";
import { countOf } from "../core/text/format.ts";
import { groupBy } from "../core/text/group-by.ts";
import { escapeText } from "../core/text/safe-text.ts";
import type { Judgement } from "../core/verdict/judge.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { namesOf } from "../shell/host/accounts.ts";
import { writeAll } from "../shell/output/log.ts";
import type { SweepRequest } from "../sweep/ports.ts";
import { observeAndJudge } from "../sweep/sweep.ts";

/** Returns the keys of the roots of the trees that the person at the terminal agrees to end. @throws Failure */
export async function confirmForce(request: SweepRequest): Promise<ReadonlySet<string>> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true)
    throw new Failure(
      EXIT.usage,
      "--force on the whole host also ends what is in use, and there is no terminal to ask on: give -u USER or --pid PID, or add --yes",
    );
  const { judgements } = await observeAndJudge(thisHost(), request);
  const planned = judgements.filter(({ verdict }) => verdict === "reap");
  if (planned.length > 0 && !(await areWanted(planned))) throw new Failure(EXIT.failed, "nothing was ended");
  return new Set(planned.map(({ tree }) => keyOf(tree.root)));
}

/** Names the trees that would be ended with their users, and asks; true for yes. */
async function areWanted(planned: readonly Judgement[]): Promise<boolean> {
  const inUse = planned.filter(({ unforced }) => unforced === "spare");
  const use = inUse.length === 0 ? "none in use" : `${inUse.length} in use (${whose(inUse)})`;
  const lines = [
    `--force ends ${countOf(planned.length, "tree")} (${whose(planned)}), ${use}.`,
    "To choose, give -u USER or --pid PID; to see what would be ended, -n.",
  ];
  writeAll(2, `${lines.join("\n")}\n`);
  return confirm(`End ${planned.length === 1 ? "it" : "them"}?`);
}

/** Asks a question on the terminal; true for yes. */
export async function confirm(question: string): Promise<boolean> {
  const { createInterface } = await import("node:readline");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await new Promise<string>((resolve) => {
    terminal.question(`${question} [y/N] `, resolve);
    // Ctrl-C or Ctrl-D.
    terminal.once("close", () => resolve(""));
  });
  terminal.close();
  return /^y(?:es)?$/i.test(answer.trim());
}

/** Lists users with their products: "alice: vscode, bob: cursor 2". */
function whose(judgements: readonly Judgement[]): string {
  const nameOf = namesOf(judgements.map(({ tree }) => tree.uid));
  const trees = groupBy(judgements, ({ tree }) => `${nameOf(tree.uid)}: ${tree.product}`);
  return [...trees]
    .map(([name, { length }]) => escapeText(length > 1 ? `${name} ${length}` : name))
    .join(", ");
}
