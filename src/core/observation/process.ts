/** One process as the kernel describes it, and its identity. */

/** Returns a text that identifies the process, for maps and sets. */
export function keyOf({ pid, startTime }: { readonly pid: number; readonly startTime: number }): string {
  return `${pid}@${startTime}`;
}

/** A process's identity: its pid and its start in clock ticks since boot. A pid alone is never an identity. */
export interface ProcId {
  readonly pid: number;
  readonly startTime: number;
}

/** How the reading of one process's command line ended. `skipped`: it was not needed. */
export type ArgvStatus = "read" | "empty" | "timeout" | "denied" | "gone" | "skipped";

/** One process as the kernel described it. A field that could not be read is null, never zero. */
export interface Proc extends ProcId {
  readonly ppid: number;
  /** Process group and session leader (setsid), by pid. */
  readonly pgid: number;
  readonly sid: number;
  /** Device number of the controlling terminal, 0: none. */
  readonly tty: number;
  /** One letter of proc_pid_stat(5): R, S, D, Z, T, … A `Z` with more than one thread is alive. */
  readonly state: string;
  readonly threads: number;
  readonly rssKiB: number;
  /**
   * CPU time in clock ticks, in user and kernel mode, with that of children that were waited for. Absent in listings.
   */
  readonly cpuTicks?: number | undefined;
  /** Real, effective, saved and filesystem uid; null: /proc/PID/status could not be read. */
  readonly uids: readonly [number, number, number, number] | null;
  /** The effective uid, which owns /proc/PID. */
  readonly uid: number;
  /** Whether it ignores SIGHUP, as nohup arranges it; null: /proc/PID/status could not be read. */
  readonly ignoresHangup: boolean | null;
  /** The kernel's 15 bytes of name: text that the user chooses. */
  readonly comm: string;
  /** Where the exe link points, with " (deleted)" as the kernel gives it; null: a kernel thread, a zombie or unreadable. */
  readonly exe: string | null;
  /**
   * Why `exe` could not be read. `too-long`: its path exceeds PATH_MAX, so root did not install it there and it is not
   * a system sshd. `denied`: any other refusal. Absent: it was read, or the process has none.
   */
  readonly exeUnreadable?: "too-long" | "denied" | undefined;
  /** Text that the user chooses. Empty unless `argvStatus` is `read`. */
  readonly argv: readonly string[];
  readonly argvStatus: ArgvStatus;
  /** True: the command line was longer than what is kept. */
  readonly argvTruncated: boolean;
  /**
   * Every distinct path of /proc/PID/cgroup; the one that carries sessions (v2, else name=systemd) first. Empty in a
   * kernel without cgroups; null: unreadable, so the process may be a batch job's.
   */
  readonly cgroups: readonly string[] | null;
  /**
   * Which of the catalogue's batch job variables its environment had at its exec: text that the user chooses. Empty:
   * none. Null: unreadable, so it may be a batch job's. Absent: not asked; only the leaders of trees are.
   */
  readonly jobVariables?: readonly string[] | null | undefined;
  /** Kernel audit session id and login uid; null: unset, or the kernel has no audit. */
  readonly auditSession: number | null;
  readonly loginUid: number | null;
  /** Whether the process lives in other namespaces than this program; null: unreadable or not asked. */
  readonly foreignUserNs: boolean | null;
  readonly foreignPidNs: boolean | null;
  /** The same for the mount namespace, compared with process 1's: this program's unit has one of its own. Absent: not asked. */
  readonly foreignMntNs?: boolean | null | undefined;
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

const DELETED = " (deleted)";

/** Removes the " (deleted)" that the kernel appends once the file is gone (an update removed the old version). */
export function exePath(exe: string): string {
  return exe.endsWith(DELETED) ? exe.slice(0, -DELETED.length) : exe;
}

/** Returns the last component of an exe link: "python3.11", "sshd-session". */
export function exeName(exe: string | null): string {
  if (exe === null) return "";
  const path = exePath(exe);
  return path.slice(path.lastIndexOf("/") + 1);
}
