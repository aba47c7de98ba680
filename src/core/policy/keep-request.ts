/** Reads a user's request to leave their trees alone: a time that only that user can have set. */

import type { Keep } from "../observation/observation.ts";

/** A user's place in the folder of requests as the kernel describes it. */
export interface KeepPlace {
  readonly kind: "link" | "other";
  readonly owner: number;
  /** Until when the owner asks, in milliseconds since the epoch; the owner may set it to any time. */
  readonly mtime: number;
  /** When the owner asked. Nobody can set it (inode(7)). */
  readonly ctime: number;
}

/** Reads what a user's place asks for; null if nothing, or if its time has passed. */
export function readKeep(
  { kind, owner, mtime, ctime }: KeepPlace,
  uid: number,
  now: number,
  max: number,
): { readonly keep: Keep | null } | { readonly fault: string } {
  // Guard: only the owner of a place sets its time.
  if (owner !== uid) return { fault: `it belongs to uid ${owner}` };
  // Guard: a user can write any number of bytes to a file, and none to a link.
  if (kind !== "link") return { fault: "it is not a link" };
  // Guard: the site's limit runs from the change time; a change time in the future counts as now.
  const until = Math.min(mtime, Math.min(ctime, now) + max);
  return { keep: until > now ? { uid, until } : null };
}
