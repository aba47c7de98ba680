/** Asks the site's veto program about each tree of a plan. */

import { type Answer, vetoAnswer, vetoQuestion } from "../../core/hooks/veto.ts";
import type { Observation } from "../../core/observation/observation.ts";
import type { Judgement } from "../../core/verdict/judge.ts";
import { namesOf } from "../host/accounts.ts";
import { runHook } from "./run-hook.ts";

const LIMIT_MS = 5000;
/** Programs at once: the sweep's unit allows 32 tasks, of which Node has a third. */
const AT_ONCE = 4;
/** The sweep's unit ends after 5 minutes, and ending the trees that are left takes its part. */
const BUDGET_MS = 120_000;

/** Answers by tree, in the order of the plan. Trees for which no time was left are spared. */
export async function askVeto(
  program: string,
  plan: readonly Judgement[],
  observation: Observation,
  dryRun: boolean,
  budgetMs = BUDGET_MS,
): Promise<Answer[]> {
  const names = namesOf([...new Set(plan.map(({ tree }) => tree.uid))]);
  const answers: Answer[] = [];
  const until = performance.now() + budgetMs;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < plan.length; at = next++) {
      const judgement = plan[at] as Judgement;
      const { root, uid } = judgement.tree;
      const question = vetoQuestion(judgement, observation, names.get(uid) ?? String(uid), dryRun);
      const run =
        performance.now() < until
          ? await runHook(program, question, LIMIT_MS)
          : { failure: `not asked: earlier trees took ${budgetMs / 1000} s` };
      answers[at] = vetoAnswer(program, root.pid, run);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, plan.length) }, worker));
  return answers;
}
