/** What is connected to the asked processes, as data: one entry per connection, pipe or terminal. Nothing here computes. */
import type { Fault } from "./fault.ts";

/**
 * One connection that may still carry bytes; one whose far end is dead is not listed. Every process is one of those that
 * were asked (members of trees, their ancestors, ssh servers): the descriptors of no other process are read.
 */
export interface Connection {
  /** `pipe`: near holds a reading end, far a writing end. `terminal`: near holds the slave, far the master. */
  readonly kind: "tcp" | "unix" | "pipe" | "terminal";
  /**
   * `opened`: the near end connected to a listener (TCP: the far end is a listener on this host, or the near port is
   * ephemeral, has no listener, and the far port is below those that systems give clients; unix: the far end has a name,
   * or it waits at a listener).
   * `accepted`: any other TCP connection, and the unix end that has its listener's name; also while it waits to be accepted.
   * `pair`: neither end has a name (socketpair), a pipe, a terminal.
   */
  readonly direction: "accepted" | "opened" | "pair";
  /** Sorted pids that hold the near end; where none does, those that hold the listener of its address. Never empty. */
  readonly near: readonly number[];
  /** Sorted pids that hold the far end; empty: no asked process does, or it is another host's. */
  readonly far: readonly number[];
  /** "127.0.0.1:40123", "[::1]:22", a unix socket's path, "@abstract" or "unix:INODE", "pipe:INODE", "pts/3". */
  readonly local: string;
  readonly remote: string;
  /** True: the far address is not one of this host. Absent: it is, or the kind has no address. */
  readonly otherHost?: boolean | undefined;
  /** The uid that owns the far end's socket; null: not known (no record, Linux before 5.3 for unix), or on another host. */
  readonly farUid: number | null;
  /**
   * Milliseconds since data flowed in either direction (tcp_info; unsent data whose probes the peer answers counts as
   * flowing); null: the kernel counts nothing for it.
   */
  readonly idle: number | null;
}

/** Another network namespace that a process lives in whose user has an asked process. */
export interface OtherNet {
  /** "net:[4026532012]" */
  readonly id: string;
  /** Every process of the host that lives there, asked or not. */
  readonly pids: readonly number[];
  /** Whether it has no device but lo. False also where that could not be read. */
  readonly onlyLoopback: boolean;
}

/** A stream socket that an asked process holds and no list of this network namespace shows. */
export interface Unlisted {
  readonly pid: number;
  /** The id of the other namespace whose list shows it; null: none that could be read does. */
  readonly net: string | null;
  /** `tcp`: it may also be closed or not yet connected, which no list shows. */
  readonly kind: "tcp" | "unix" | "other";
}

/** The connections of a set of processes. */
export interface Connections {
  /** False: a list of sockets failed or was cut, so no absence of a connection means anything. */
  readonly complete: boolean;
  readonly connections: readonly Connection[];
  /** Processes whose descriptors could not be read, or whose user has more of them than the budget allows. Sorted. */
  readonly unreadable: readonly number[];
  readonly unlisted: readonly Unlisted[];
  readonly otherNets: readonly OtherNet[];
  /** Sockets in state ESTABLISHED on the whole host, for plausibility. */
  readonly established: { readonly tcp: number; readonly unix: number };
  readonly faults: readonly Fault[];
}
