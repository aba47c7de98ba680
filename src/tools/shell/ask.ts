/** Asks the host one question; each may fail by itself. */

import type { Answer } from "../core/text/shown.ts";

/** Why a question has no answer: an ordinary user learns what only root may read. */
function failure(error: unknown): { readonly failed: string } {
  const { message } = error as Error;
  const denied = process.geteuid?.() !== 0 && /EACCES|EPERM/.test(message);
  return { failed: denied ? "only root can read it" : message };
}

export function ask<T>(question: () => T): Answer<T> {
  try {
    return { value: question() };
  } catch (error) {
    return failure(error);
  }
}

export const askAsync = <T>(question: () => Promise<T>): Promise<Answer<T>> =>
  question().then((value) => ({ value }), failure);

/** An answer where it matters not why there is none. */
export function orNull<T>(question: () => T): T | null {
  try {
    return question();
  } catch {
    return null;
  }
}
