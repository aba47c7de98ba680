/** Shows on a terminal that a sweep waits for processes to end. */

import type { Log } from "./log.ts";

const FIRST_MS = 1000;
const CLEAR = "\r\u001b[K";

/** A log that keeps a line of progress out of the way of its own lines. `stop` removes the line. */
export interface Progress {
  readonly log: Log;
  stop(): void;
}

/**
 * Wraps a log. After a second, and then every second, a line on standard error says that processes are being ended. Without
 * a terminal it does nothing.
 */
export function withProgress(log: Log, enabled: boolean): Progress {
  if (!enabled || process.stderr.isTTY !== true) return { log, stop: () => {} };
  const began = performance.now();
  let shown = false;
  const clear = (): void => {
    if (shown) process.stderr.write(CLEAR);
    shown = false;
  };
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - began) / 1000);
    process.stderr.write(`${CLEAR}Ending processes, ${seconds} s …`);
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
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}
