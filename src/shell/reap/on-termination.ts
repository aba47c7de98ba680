/** Lets a sweep that is asked to end record first what it did. */

/** What asks this program to end: systemd, Ctrl-C, a lost terminal. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

export interface Interrupt {
  /** Aborted once this program is asked to end; it does not end by itself any more. */
  readonly stop: AbortSignal;
  /** Ends this program by the signal that it got, if it got one, so that its caller sees which it was. */
  obey(): void;
}

/** Notes from now on that this program is asked to end, until `obey`. */
export function heedInterrupts(): Interrupt {
  const asked = new AbortController();
  const note = (signal: NodeJS.Signals): void => asked.abort(signal);
  for (const signal of STOP_SIGNALS) process.on(signal, note);
  return {
    stop: asked.signal,
    obey() {
      for (const signal of STOP_SIGNALS) process.off(signal, note);
      if (asked.signal.aborted) process.kill(process.pid, asked.signal.reason);
    },
  };
}
