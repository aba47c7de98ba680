/** Shows on a terminal what a sweep waits for. */

import type { Log } from "./log.ts";

const FIRST_MS = 1000;
const CLEAR = "\r\u001b[K";

/** Waits for this many milliseconds until a sweep looks again. */
export type Wait = (ms: number) => Promise<void>;

/** A log that keeps a line of progress out of the way of its own lines. `stop` removes the line. */
export interface Progress {
  readonly log: Log;
  readonly wait: Wait;
  stop(): void;
}

/**
 * Wraps a log. After a second, and then every second, a line on standard error says what the sweep waits for. Without a
 * terminal it does nothing.
 */
export function withProgress(log: Log, wait: Wait, enabled: boolean): Progress {
  if (!enabled || process.stderr.isTTY !== true) return { log, wait, stop: () => {} };
  const began = performance.now();
  let until: number | null = null;
  let shown = false;
  const clear = (): void => {
    if (shown) process.stderr.write(CLEAR);
    shown = false;
  };
  const timer = setInterval(() => {
    const now = performance.now();
    const line =
      until === null
        ? `Ending processes, ${Math.round((now - began) / 1000)} s …`
        : `Looking again in ${Math.ceil((until - now) / 1000)} s; nothing is ended before that (Ctrl-C stops) …`;
    process.stderr.write(`${CLEAR}${line}`);
    shown = true;
  }, FIRST_MS);
  timer.unref();
  return {
    log: {
      ...log,
      async write(events) {
        clear();
        await log.write(events);
      },
    },
    async wait(ms) {
      until = performance.now() + ms;
      await wait(ms);
      until = null;
      clear();
    },
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}
