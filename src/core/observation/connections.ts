/** What is connected to the asked processes, as data: one entry per connection, pipe or terminal. Nothing here computes. */

import * as v from "valibot";
import { type DataOf, wholeNumber } from "../text/parse-json.ts";
import { fault } from "./fault.ts";

const pids = v.array(wholeNumber);

const connection = v.object({
  /** `pipe`: near holds a reading end, far a writing end. `terminal`: near holds the slave, far the master. */
  kind: v.picklist(["tcp", "unix", "pipe", "terminal"]),
  /**
   * `opened`: the near end connected to a listener (TCP: the far end is a listener on this host, or the near port is
   * ephemeral, has no listener, and the far port is below those that systems give clients; unix: the far end has a name,
   * or it waits at a listener).
   * `accepted`: any other TCP connection, and the unix end that has its listener's name; also while it waits to be accepted.
   * `pair`: neither end has a name (socketpair), a pipe, a terminal.
   */
  direction: v.picklist(["accepted", "opened", "pair"]),
  /** Sorted pids that hold the near end; where none does, those that hold the listener of its address. Never empty. */
  near: pids,
  /** Sorted pids that hold the far end; empty: no asked process does, or it is another host's. */
  far: pids,
  /** "127.0.0.1:40123", "[::1]:22", a unix socket's path, "@abstract" or "unix:INODE", "pipe:INODE", "pts/3". */
  local: v.string(),
  remote: v.string(),
  /** True: the far address is not one of this host. Absent: it is, or the kind has no address. */
  otherHost: v.optional(v.boolean()),
  /** The uid that owns the far end's socket; null: not known (no record, Linux before 5.3 for unix), or on another host. */
  farUid: v.nullable(wholeNumber),
  /**
   * Milliseconds since data flowed in either direction (tcp_info; unsent data whose probes the peer answers counts as
   * flowing); null: the kernel counts nothing for it.
   */
  idle: v.nullable(v.number()),
});

/**
 * One connection that may still carry bytes; one whose far end is dead is not listed. Every process is one of those that
 * were asked (members of trees, their ancestors, ssh servers): the descriptors of no other process are read.
 */
export type Connection = DataOf<typeof connection>;

/**
 * A stream socket that an asked process holds and no list of this network namespace shows. A TCP socket may also be closed or
 * not yet connected, which no list shows: it has an entry for each other namespace that its user has a process in.
 */
const unlisted = v.object({
  pid: wholeNumber,
  /** The id of the other namespace whose list shows it, or of TCP may; null: none that could be read does. */
  net: v.nullable(v.string()),
});

/** Another network namespace that a process lives in whose user has an asked process. */
const otherNet = v.object({
  /** "net:[4026532012]" */
  id: v.string(),
  /** Every process of the host that lives there, asked or not. */
  pids,
  /** Whether it has no device but lo. False also where that could not be read. */
  onlyLoopback: v.boolean(),
});

export const connections = v.object({
  /** False: a list of sockets failed or was cut, so no absence of a connection means anything. */
  complete: v.boolean(),
  connections: v.array(connection),
  /** Processes whose descriptors could not be read, and all of a user who is over a budget. Sorted. */
  unreadable: pids,
  unlisted: v.array(unlisted),
  otherNets: v.array(otherNet),
  /** Sockets in state ESTABLISHED on the whole host, for plausibility. */
  established: v.object({ tcp: wholeNumber, unix: wholeNumber }),
  faults: v.array(fault),
});

/** The connections of a set of processes. */
export type Connections = DataOf<typeof connections>;
