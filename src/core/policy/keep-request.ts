/** A user's request to leave their trees alone: one line in a file that only they can have made. */

import type { Keep } from "../observation/observation.ts";

/** What the kernel says of an entry in the folder of requests, and its text where it may be read. */
export interface KeepEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "link" | "other";
  readonly owner: number;
  readonly links: number;
  readonly size: number;
  /** Milliseconds since the epoch: the last change of content or owner, which its owner cannot set (inode(7)). */
  readonly ctime: number;
  /** Null: not a file that is read. */
  readonly text: string | null;
}

export const MAX_KEEP_BYTES = 128;

/** The line that a request consists of. */
export const keepLine = (uid: number, until: number): string => `keep ${uid} ${until}\n`;

/**
 * Who is not the one that an entry's name speaks for, or null when nothing is wrong with that. Guard: the folder is open
 * to all, so a file counts only when its owner, by the kernel's word, is the user whose name it bears.
 */
export function whyNotOwners({ name, owner }: Pick<KeepEntry, "name" | "owner">): string | null {
  return isUid(name) && owner === Number(name) ? null : `it belongs to uid ${owner}`;
}

/** Why an entry is in other users' way, or null: under their name, or too large for what all share. */
export function whyRemove(entry: Omit<KeepEntry, "text">): string | null {
  const isLarge = entry.kind === "file" && entry.size > MAX_KEEP_BYTES;
  return whyNotOwners(entry) ?? (isLarge ? `it is longer than ${MAX_KEEP_BYTES} bytes` : null);
}

/** Why an entry's text is not even to be read, or null. */
export function whyNotReadable(entry: Omit<KeepEntry, "text">): string | null {
  const removable = whyRemove(entry);
  if (removable !== null) return removable;
  if (entry.kind !== "file") return "it is no regular file";
  // Guard: a second name elsewhere would let its owner leave it here and change it there.
  if (entry.links !== 1) return "it has more than one name";
  if (entry.size > MAX_KEEP_BYTES) return `it is longer than ${MAX_KEEP_BYTES} bytes`;
  return null;
}

/** What an entry asks for. Null: nothing (any more). */
export function readKeep(
  entry: KeepEntry,
  now: number,
  max: number,
): { readonly keep: Keep | null } | { readonly fault: string } {
  const unfit = whyNotReadable(entry);
  if (unfit !== null) return { fault: unfit };
  // Made, and not written yet.
  if (entry.size === 0) return { keep: null };
  const line = /^keep (\d{1,10}) (\d{1,15})\n?$/.exec(entry.text ?? "");
  if (!line) return { fault: 'it is no line "keep UID MILLISECONDS"' };
  const uid = Number(line[1]);
  if (uid !== entry.owner) return { fault: `it speaks for uid ${uid}` };
  // Guard: the site's cap runs from the change of the file, and a change to come is none that was.
  const until = Math.min(Number(line[2]), Math.min(entry.ctime, now) + max);
  return { keep: until > now ? { uid, until } : null };
}

const isUid = (name: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(name);
