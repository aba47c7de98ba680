/** Names the owners in what is printed as JSON. */

import { namesOf } from "../host/accounts.ts";

const known = new Map<number, string>();

/** Adds `user`, the login name, beside each `uid` of a document; a uid without an account is its own name. */
export function withUsers<T>(document: T): T {
  const unnamed = uidsIn(document).filter((uid) => !known.has(uid));
  if (unnamed.length > 0) {
    const nameOf = namesOf(unnamed);
    for (const uid of unnamed) known.set(uid, nameOf(uid));
  }
  return named(document) as T;
}

function uidsIn(part: unknown): number[] {
  if (typeof part !== "object" || part === null) return [];
  return Object.entries(part).flatMap(([key, value]) =>
    key === "uid" && typeof value === "number" ? [value] : uidsIn(value),
  );
}

function named(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(named);
  if (typeof part !== "object" || part === null) return part;
  const entries = Object.entries(part).flatMap(([key, value]) => [
    [key, named(value)],
    ...(key === "uid" ? [["user", known.get(value)]] : []),
  ]);
  return Object.fromEntries(entries);
}
