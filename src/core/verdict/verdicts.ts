import type { Verdict } from "./judge.ts";

/** Every verdict, in the order in which lists and counts show them. */
export const VERDICTS = ["reap", "wait", "spare", "exempt", "unknown"] as const satisfies readonly Verdict[];
