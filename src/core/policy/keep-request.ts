/** Reads a user's request to leave their trees alone: one line in a file that only that user can have made. */

import type { Keep } from "../observation/observation.ts";

/** An entry in the folder of requests as the kernel describes it, with its text if it may be read. */
export interface KeepEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "link" | "other";
  readonly owner: number;
  readonly links: number;
  readonly size: number;
  /** The last change of content or owner, in milliseconds since the epoch. The owner cannot set it (inode(7)). */
  readonly ctime: number;
  /** Null if the entry was not read. */
  readonly text: string | null;
}

/** The longest request. */
export const MAX_KEEP_BYTES = 128;

/** Formats a request. `until` is in milliseconds since the epoch. */
export const keepLine = (uid: number, until: number): string => `keep ${uid} ${until}\n`;

/**
 * Says whose entry it is if that is not the user after whom it is named; null if it is.
 * Guard: everybody can write to the folder, so a file counts only if the kernel says that the user it is named after owns it.
 */
export function whyNotOwners({ name, owner }: Pick<KeepEntry, "name" | "owner">): string | null {
  return isUid(name) && owner === Number(name) ? null : `it belongs to uid ${owner}`;
}

/** Says why an entry must be removed: it has another user's name, or takes more shared space than a request. Null if neither. */
export function whyRemove(entry: Omit<KeepEntry, "text">): string | null {
  const notOwners = whyNotOwners(entry);
  if (notOwners !== null) return notOwners;
  // Guard: a folder under its owner's name could hold every inode that all users share.
  if (entry.kind !== "file") return "it is not a regular file";
  return entry.size > MAX_KEEP_BYTES ? `it is longer than ${MAX_KEEP_BYTES} bytes` : null;
}

/** Says why the text of an entry is not read, or null. */
export function whyNotReadable(entry: Omit<KeepEntry, "text">): string | null {
  const removable = whyRemove(entry);
  if (removable !== null) return removable;
  // Guard: through a second name elsewhere the owner could change the file after this check.
  if (entry.links !== 1) return "it has more than one name";
  return null;
}

/** Reads what an entry asks for; null if nothing, or if its time has passed. */
export function readKeep(
  entry: KeepEntry,
  now: number,
  max: number,
): { readonly keep: Keep | null } | { readonly fault: string } {
  const unfit = whyNotReadable(entry);
  if (unfit !== null) return { fault: unfit };
  // The file exists but is not written yet.
  if (entry.size === 0) return { keep: null };
  const line = /^keep (\d{1,10}) (\d{1,15})\n?$/.exec(entry.text ?? "");
  if (!line) return { fault: 'it is not a line "keep UID MILLISECONDS"' };
  const uid = Number(line[1]);
  if (uid !== entry.owner) return { fault: `it speaks for uid ${uid}` };
  // Guard: the site's limit runs from the file's change time; a change time in the future counts as now.
  const until = Math.min(Number(line[2]), Math.min(entry.ctime, now) + max);
  return { keep: until > now ? { uid, until } : null };
}

const isUid = (name: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(name);
