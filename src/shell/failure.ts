/** An error that a person can act on: the message says what, where and what to do; the status is the exit status. */
export class Failure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The exit statuses, those of sysexits.h where it has one. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  internal: 70,
  busy: 75,
  denied: 77,
  config: 78,
} as const;
