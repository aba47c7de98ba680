/** An end that a person can act on: one line that names the thing and the remedy, and the exit status. */
export class Failure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Standard output is gone (`| head`): nobody reads on, so that is no failure. */
export function isBrokenPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === "EPIPE";
}

/** The exit statuses, after sysexits.h where it has one. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  internal: 70,
  busy: 75,
  denied: 77,
  config: 78,
} as const;
