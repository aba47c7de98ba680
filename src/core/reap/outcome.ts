import type { Proc } from "../observation/process.ts";
import type { Judgement } from "../verdict/judge.ts";

/** What became of a tree. `killed` counts processes verified dead (in a dry run, those that would be killed). */
export interface Outcome {
  readonly judgement: Judgement;
  readonly killed: readonly Proc[];
  readonly survivors: readonly Proc[];
  /** Set when the tree was planned and then left alone, with why. */
  readonly spared: string | null;
}

/** Why a planned tree needed no end. */
export const GONE = "gone by itself";
