/** The reasons of verdicts: a stable code, which programs compare, and the sentence beside it, which people read. */

import data from "./reasons.json" with { type: "json" };

/** One reason of a verdict. */
export interface Reason {
  readonly code: ReasonCode;
  readonly text: string;
}

/** What each code means, by the verdict that it comes with. A code that was released is never renamed. */
export const REASONS = data;

type CodesOf<T> = T extends unknown ? keyof T : never;

export type ReasonCode = CodesOf<(typeof REASONS)[keyof typeof REASONS]>;
