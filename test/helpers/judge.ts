import assert from "node:assert/strict";
import type { Observation } from "../../src/core/observation/observation.ts";
import type { Policy } from "../../src/core/policy/policy.ts";
import { viewOf } from "../../src/core/tree/host-view.ts";
import { NO_ACCOUNTS } from "../../src/core/verdict/exemption.ts";
import {
  type JudgeContext,
  type Judgement,
  type JudgeOptions,
  judgeView,
  UNFORCED,
} from "../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "./policy.ts";

/** The day of all tests. */
export const TODAY = "2026-11-23";

/** What a sweep of the whole host judges by, at a site with this policy. */
export function contextFor(
  policy: Policy = DEFAULT_POLICY,
  options: Partial<JudgeOptions> = {},
): JudgeContext {
  return { policy, accounts: NO_ACCOUNTS, today: TODAY, options: { ...UNFORCED, ...options } };
}

export function judge(seen: Observation, context: JudgeContext = contextFor()): Judgement[] {
  return judgeView(viewOf(seen, context.policy.catalogue), context);
}

/** Judges the only tree of an observation. */
export function judgeOne(seen: Observation, context?: JudgeContext): Judgement {
  const judged = judge(seen, context);
  assert.equal(judged.length, 1, judged.map(({ tree }) => tree.root.pid).join(" "));
  return judged[0] as Judgement;
}
