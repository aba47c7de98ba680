/** The last act of a program that is asked to end. */

/** What asks this program to end: systemd, Ctrl-C, a lost terminal. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Runs `act` when this program is asked to end, which it then does; the answer undoes that. */
export function beforeEnd(act: () => void): () => void {
  const handlers = STOP_SIGNALS.map((signal) => {
    const handler = (): void => {
      process.off(signal, handler);
      act();
      // Without a handler the signal does what it does, and whoever waits for this program sees which it was.
      process.kill(process.pid, signal);
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
