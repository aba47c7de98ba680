import { setTimeout as delay } from "node:timers/promises";

export interface UntilOptions {
  /** Give up after so many milliseconds (default 60 000: a host may be busy) with the last failure. */
  readonly timeoutMs?: number;
  /** Pause between two tries, in milliseconds (default 25). */
  readonly everyMs?: number;
}

/**
 * Runs `assertion` until it no longer throws and returns what it returned. What a test waits for is thereby what it
 * asserts: it goes on as soon as that holds, and a failure at the deadline says what did not.
 */
export async function until<T>(assertion: () => T | Promise<T>, options: UntilOptions = {}): Promise<T> {
  const { timeoutMs = 60_000, everyMs = 25 } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= deadline) {
        if (error instanceof Error) error.message = `after ${timeoutMs} ms: ${error.message}`;
        throw error;
      }
    }
    await delay(everyMs);
  }
}
