import type { Mark, Observation } from "../observation/observation.ts";
import { keyOf } from "../observation/process.ts";
import { isAgentTree, usedBy, withoutFormer } from "./agents.ts";
import type { Judgement, JudgeOptions } from "./judge.ts";
import { isTooYoung, markOf } from "./orphan.ts";

/**
 * Lists the marks of the orphans that stay, old ones with their time. A tree that only another user uses keeps the mark it has.
 * A sweep of some users keeps the marks of what it did not look at.
 */
export function marksAfter(
  observation: Observation,
  judgements: readonly Judgement[],
  { uids, pids }: Pick<JudgeOptions, "uids" | "pids">,
): Mark[] {
  const { marks, uptime } = observation;
  const partial = uids !== null || pids !== null;
  const judged = new Set(judgements.map(({ tree }) => keyOf(tree.root)));
  const unseen = partial ? marks.filter((mark) => !judged.has(keyOf(mark))) : [];
  const current = judgements.flatMap((judgement): Mark[] => {
    const { tree, byEvidence, use } = judgement;
    const found = markOf(judgement, marks);
    const old = found && withoutFormer(found, tree.members);
    // An exempt orphan is marked, too, so that the log can name it once nothing but the exemption saves it.
    const isOrphan = byEvidence === "wait" || byEvidence === "reap";
    if (!isOrphan || isTooYoung(judgement, observation)) return old && use?.own === false ? [old] : [];
    const used = isAgentTree(tree) ? usedBy(tree.members) : undefined;
    // A mark without CPU times, from before an upgrade, would leave an agent's daemon waiting for ever.
    if (old && (used === undefined || old.used !== undefined)) return [old];
    const { pid, startTime } = tree.root;
    return [{ pid, startTime, seenUptime: uptime, ...(used && { used }) }];
  });
  return [...unseen, ...current];
}
