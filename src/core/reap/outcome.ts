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

/** Leaves out what was spared or had gone by itself. */
export function endedOnly(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(
    ({ killed, survivors, spared }) => spared === null && killed.length + survivors.length > 0,
  );
}

/** Why a planned tree needed no end. */
export const GONE = "gone by itself";

/** Why a planned tree got no signal, or none that ended a process of it. */
export const INTERRUPTED = "the sweep was interrupted";
