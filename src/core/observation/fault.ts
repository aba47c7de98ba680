import * as v from "valibot";
import type { DataOf } from "../text/parse-json.ts";

export const fault = v.object({
  /** What could not be done, in words: "read the command line", "list sockets". */
  what: v.string(),
  pid: v.optional(v.number()),
  /** The user who caused it: what was seen of the host is not affected. Without a pid: this user exceeds a budget. */
  uid: v.optional(v.number()),
  detail: v.string(),
});

/** Something that could not be read. It is reported and spares; it never means "nothing there". */
export type Fault = DataOf<typeof fault>;

/** Tells whether a fault means that something of the whole host was not seen or done. */
export const isOfHost = ({ pid, uid }: Fault): boolean => pid === undefined && uid === undefined;

/** Tells whether a fault means that a user exceeded a budget, which the exit status says. */
export const isExceeded = ({ pid, uid }: Fault): boolean => pid === undefined && uid !== undefined;

/**
 * Formats a fault as one line: `cannot read the command line of process 123: timed out`, `cannot read command lines of
 * uid 2001: …` where that user exceeded a budget.
 */
export function faultLine({ what, pid, uid, detail }: Fault): string {
  const whose = pid !== undefined ? ` of process ${pid}` : uid !== undefined ? ` of uid ${uid}` : "";
  return `cannot ${what}${whose}: ${detail}`;
}
