import type { Fault } from "./fault.ts";

/**
 * Established connections of one kind, one end of which `pid` holds. Never listening, closing or datagram sockets.
 * The addresses are those of one of them.
 */
export interface Link {
  readonly kind: "tcp" | "unix";
  readonly pid: number;
  /** Who holds the other end among the processes asked about; null: none of them. */
  readonly peerPid: number | null;
  /** "127.0.0.1:40123", "[::1]:22", or a unix socket's path or inode. */
  readonly local: string;
  readonly remote: string;
  /** How many sockets of `pid`'s; absent: one. */
  readonly sockets?: number | undefined;
}

/** The answer to "who is connected to whom" for a set of processes. */
export interface Connections {
  /** False when a dump failed or was cut: then no absence of a link means anything. */
  readonly complete: boolean;
  readonly source: "netlink" | "proc" | "none";
  readonly links: readonly Link[];
  /** Processes whose descriptors could not be read, and those in another network namespace. */
  readonly unreadable: readonly number[];
  readonly foreignNet: readonly number[];
  /** Sockets in state ESTABLISHED on the whole host, for plausibility. */
  readonly established: { readonly tcp: number; readonly unix: number };
  readonly faults: readonly Fault[];
}
