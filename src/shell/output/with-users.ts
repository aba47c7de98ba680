/** Names the owners in what is printed as JSON. */

import { namesOf } from "../host/accounts.ts";

const known = new Map<number, string>();

/** Adds `user`, the login name, beside each `uid` of a document; a uid without an account is its own name. */
export function withUsers(document: object): object {
  const unnamed = new Set<number>();
  const text = JSON.stringify(document, (key, value: unknown) => {
    if (key === "uid" && typeof value === "number" && !known.has(value)) unnamed.add(value);
    return value;
  });
  const nameOf = namesOf([...unnamed]);
  for (const uid of unnamed) known.set(uid, nameOf(uid));
  return JSON.parse(text, (_, part: { readonly uid?: unknown } | null) => {
    if (typeof part?.uid !== "number") return part;
    const user = known.get(part.uid);
    return Object.fromEntries(
      Object.entries(part).flatMap(([key, value]) =>
        key === "uid"
          ? [
              [key, value],
              ["user", user],
            ]
          : [[key, value]],
      ),
    );
  });
}
