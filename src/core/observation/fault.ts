/** Something that could not be known. It is reported and spares; it is never taken for "nothing there". */
export interface Fault {
  /** What could not be done, in words: "read the command line", "list sockets". */
  readonly what: string;
  readonly pid?: number | undefined;
  /** Of one user's doing: it says nothing against what was seen of the host. */
  readonly uid?: number | undefined;
  readonly detail: string;
}

/** A fault as one line: `cannot read the command line of process 123: timed out`. */
export function faultLine(fault: Fault): string {
  return `cannot ${fault.what}${fault.pid === undefined ? "" : ` of process ${fault.pid}`}: ${fault.detail}`;
}
