/** Something that could not be read. It is reported and spares; it never means "nothing there". */
export interface Fault {
  /** What could not be done, in words: "read the command line", "list sockets". */
  readonly what: string;
  readonly pid?: number | undefined;
  /** The user whose doing it is: the fault says nothing against what was seen of the host. */
  readonly uid?: number | undefined;
  readonly detail: string;
}

/** A fault as one line: `cannot read the command line of process 123: timed out`. */
export function faultLine(fault: Fault): string {
  return `cannot ${fault.what}${fault.pid === undefined ? "" : ` of process ${fault.pid}`}: ${fault.detail}`;
}
