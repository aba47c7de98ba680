/** Something that could not be read. It is reported and spares; it never means "nothing there". */
export interface Fault {
  /** What could not be done, in words: "read the command line", "list sockets". */
  readonly what: string;
  readonly pid?: number | undefined;
  /** The user whose doing it is: the fault says nothing against what was seen of the host. */
  readonly uid?: number | undefined;
  /** True: that user has exceeded a budget, and the exit status says so. */
  readonly exceeded?: boolean | undefined;
  readonly detail: string;
}

/** Marks the addon's faults that name a user and no process: that user's budget was used up. */
export function markExceeded(faults: readonly Fault[]): Fault[] {
  return faults.map((fault) =>
    fault.uid !== undefined && fault.pid === undefined ? { ...fault, exceeded: true } : fault,
  );
}

/**
 * Formats a fault as one line: `cannot read the command line of process 123: timed out`, `cannot read command lines of
 * uid 2001: …` where that user exceeded a budget.
 */
export function faultLine({ what, pid, uid, exceeded, detail }: Fault): string {
  const whose = pid !== undefined ? ` of process ${pid}` : exceeded === true ? ` of uid ${uid}` : "";
  return `cannot ${what}${whose}: ${detail}`;
}
