import * as v from "valibot";
import type { DataOf } from "../text/parse-json.ts";

export const fault = v.object({
  /** What could not be done, in words: "read the command line", "list sockets". */
  what: v.string(),
  pid: v.optional(v.number()),
  /** The user whose doing it is: the fault says nothing against what was seen of the host. */
  uid: v.optional(v.number()),
  /** True: that user has exceeded a budget, and the exit status says so. */
  exceeded: v.optional(v.boolean()),
  detail: v.string(),
});

/** Something that could not be read. It is reported and spares; it never means "nothing there". */
export type Fault = DataOf<typeof fault>;

/** Marks the addon's faults that name a user and no process: that user's budget was used up. */
export function markExceeded(faults: readonly Fault[]): Fault[] {
  return faults.map((fault) =>
    fault.uid !== undefined && fault.pid === undefined ? { ...fault, exceeded: true } : fault,
  );
}

/**
 * Formats a fault as one line: `cannot read the command line of process 123: timed out`, `cannot read command lines of
 * uid 2001: …` where that user exceeded a budget.
 */
export function faultLine({ what, pid, uid, exceeded, detail }: Fault): string {
  const whose = pid !== undefined ? ` of process ${pid}` : exceeded === true ? ` of uid ${uid}` : "";
  return `cannot ${what}${whose}: ${detail}`;
}

/** A value, or why it could not be had. */
export type Answer<T> = { readonly value: T } | { readonly failed: string };
