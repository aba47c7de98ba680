/** Names the owners in what is printed as JSON. */

import { namesOf } from "../host/accounts.ts";

/** Adds `user`, the login name, wherever a document has a `uid`; a uid without an account is its own name. */
export function withUsers(document: object): object {
  const uids = new Set<number>();
  const text = JSON.stringify(document, (key, value: unknown) => {
    if (key === "uid" && typeof value === "number") uids.add(value);
    return value;
  });
  const nameOf = namesOf([...uids]);
  return JSON.parse(text, (_, part: { readonly uid?: unknown } | null) =>
    typeof part?.uid === "number" ? { user: nameOf(part.uid), ...part } : part,
  );
}
