/**
 * The words of the project as data. Everything here is plain JSON: it crosses the native boundary, is written by
 * `snapshot` and read back by `replay`. Nothing in this file computes.
 */

/** A process's identity: its number and its start in clock ticks since boot. A bare pid is never an identity. */
export interface ProcId {
  readonly pid: number;
  readonly startTime: number;
}

/** How the reading of one process's command line ended. `skipped`: nobody needed it. */
export type ArgvStatus = "read" | "empty" | "timeout" | "denied" | "gone" | "skipped";

/** One process as the kernel described it. A field that could not be read is null, never zero. */
export interface Proc extends ProcId {
  readonly ppid: number;
  /** Process group and session leader (setsid), by pid. */
  readonly pgid: number;
  readonly sid: number;
  /** Controlling terminal's device number, 0 for none. */
  readonly tty: number;
  /** One letter of proc_pid_stat(5): R, S, D, Z, T, … A `Z` with more than one thread is alive. */
  readonly state: string;
  readonly threads: number;
  readonly rssKiB: number;
  /** Real, effective, saved and filesystem uid; null when /proc/PID/status could not be read. */
  readonly uids: readonly [number, number, number, number] | null;
  /** The effective uid, which owns /proc/PID. */
  readonly uid: number;
  /** The kernel's 15 bytes of name: text of the user's choosing. */
  readonly comm: string;
  /** Where the exe link points, with " (deleted)" as the kernel gives it; null: unreadable or a kernel thread. */
  readonly exe: string | null;
  /** Text of the user's choosing. Empty unless `argvStatus` is `read`. */
  readonly argv: readonly string[];
  readonly argvStatus: ArgvStatus;
  /** True when the command line was longer than what is kept. */
  readonly argvTruncated: boolean;
  /**
   * Every distinct path of /proc/PID/cgroup; the one that carries sessions (v2, else name=systemd) first. Empty in a
   * kernel without cgroups; null: unreadable, so the process may be a batch job's.
   */
  readonly cgroups: readonly string[] | null;
  /**
   * Which of the catalogue's batch job variables its environment had at its exec: text of the user's choosing. Empty:
   * none. Null: unreadable, so it may be a batch job's. Absent: not asked; only the leaders of trees are.
   */
  readonly jobVariables?: readonly string[] | null;
  /** Kernel audit session id and login uid; null: unset or no audit in this kernel. */
  readonly auditSession: number | null;
  readonly loginUid: number | null;
  /** Whether the process lives in other namespaces than this program; null: unreadable or not asked. */
  readonly foreignUserNs: boolean | null;
  readonly foreignPidNs: boolean | null;
}

/** How many processes the snapshot met, and what became of them. */
export interface SnapshotCounts {
  readonly listed: number;
  readonly read: number;
  readonly gone: number;
  readonly denied: number;
  readonly malformed: number;
  readonly timedOut: number;
}

/** Something that could not be known. It is reported and spares; it is never taken for "nothing there". */
export interface Fault {
  /** What could not be done, in words: "read the command line", "list sockets". */
  readonly what: string;
  readonly pid?: number;
  /** Of one user's doing: it says nothing against what was seen of the host. */
  readonly uid?: number;
  readonly detail: string;
}

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

/** A claim by the past: when a session closed, this process was still there. Written by session-close. */
export interface Tag {
  readonly schemaVersion: 1;
  readonly bootId: string;
  readonly uid: number;
  readonly root: ProcId;
  readonly auditSession: number | null;
  readonly logindSession: string | null;
  /** Milliseconds since the epoch: for people. */
  readonly closedAt: number;
  /** Milliseconds since boot (CLOCK_BOOTTIME): for arithmetic, unmoved by a clock step. */
  readonly closedUptime: number;
  readonly product: string;
  readonly remoteHost: string | null;
}

/** When a sweep first saw an untagged orphan (policy `untagged = "two-sweeps"`). */
export interface Mark extends ProcId {
  /** Milliseconds since boot. */
  readonly seenUptime: number;
}

/** What another login node last told of a user: he had a client there. Times are milliseconds since the epoch. */
export interface Elsewhere {
  readonly host: string;
  readonly uid: number;
  /** How many of his trees were in use there. */
  readonly trees: number;
  /** When the newest ssh connection began that reaches one of them, by that host's clock, and when that was seen. */
  readonly since: number;
  readonly seenAt: number;
}

/** A user's own request that their trees be left alone. */
export interface Keep {
  readonly uid: number;
  /** Milliseconds since the epoch, capped by the site's policy; null: there is a request that could not be read. */
  readonly until: number | null;
}

/** Everything one sweep knows, taken at one time. The judgement is a function of this and the policy. */
export interface Observation {
  readonly schemaVersion: 1;
  readonly host: string;
  /** `ps`: a saved listing without sockets, sessions or start times. */
  readonly source: "proc" | "ps";
  readonly bootId: string;
  /** Milliseconds since the epoch, and since boot. */
  readonly takenAt: number;
  readonly uptime: number;
  readonly ticksPerSecond: number;
  /** Who looked: 0 sees everything, anyone else only what is their own. */
  readonly observerUid: number;
  readonly processes: readonly Proc[];
  readonly counts: SnapshotCounts;
  /** Null: not asked (a ps listing). */
  readonly connections: Connections | null;
  readonly tags: readonly Tag[];
  readonly marks: readonly Mark[];
  readonly keeps: readonly Keep[];
  /** Absent: no other node was asked. */
  readonly elsewhere?: readonly Elsewhere[];
  readonly faults: readonly Fault[];
}
