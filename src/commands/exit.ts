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
