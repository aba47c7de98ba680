/** Which processes are connected to which, as data. */
import type { Fault } from "./fault.ts";

/**
 * Established connections of one kind, one end of which `pid` holds. Never listening, closing or datagram sockets.
 * `pipe`: `pid` and `peerPid` both hold an end of a pipe; which ends does not show.
 * The addresses are those of one of them.
 */
export interface Link {
  readonly kind: "tcp" | "unix" | "pipe";
  readonly pid: number;
  /** Holder of the other end among the asked processes; null: none of them. */
  readonly peerPid: number | null;
  /** "127.0.0.1:40123", "[::1]:22", or a unix socket's path or inode. */
  readonly local: string;
  readonly remote: string;
  /** How many sockets of `pid`; absent: one. */
  readonly sockets?: number | undefined;
  /**
   * How `pid` got its end: it listened and took the connection (also while it waits to be accepted), it opened it, or
   * the kernel does not show which (a socket pair). Absent in snapshots of earlier versions: unknown.
   */
  readonly direction?: "accepted" | "opened" | "unknown" | undefined;
  /** True: a TCP connection whose other end is at an address that is not this host's. */
  readonly otherHost?: boolean | undefined;
}

/** The connections of a set of processes. */
export interface Connections {
  /** False: a dump failed or was cut, so no absence of a link means anything. */
  readonly complete: boolean;
  /** `proc`: only in snapshots of earlier versions. */
  readonly source: "netlink" | "proc" | "none";
  readonly links: readonly Link[];
  /** Processes whose descriptors could not be read, or of a user who has more of them than the budget allows. */
  readonly unreadable: readonly number[];
  /** Processes in another network namespace in which something is connected to them, or that could not be read. */
  readonly foreignNet: readonly number[];
  /**
   * Processes that hold a stream socket which no dump shows (one of another namespace, or one that a dump skipped), that
   * wait at a listener which cannot be told, or that listen with a queue which cannot be read.
   */
  readonly unexplained?: readonly number[] | undefined;
  /** Processes that hold a UDP socket, of which nothing shows who sends to it. Absent in snapshots of earlier versions. */
  readonly datagram?: readonly number[] | undefined;
  /** Sockets in state ESTABLISHED on the whole host, for plausibility. */
  readonly established: { readonly tcp: number; readonly unix: number };
  readonly faults: readonly Fault[];
}
