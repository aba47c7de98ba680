/**
 * The words of the project as data: processes and the whole observation. All of it is plain JSON: it crosses the native
 * boundary, is written by `snapshot` and read back by `replay`. Nothing in this file computes.
 */

import * as v from "valibot";
import { wholeNumber } from "../text/parse-json.ts";
import { connections } from "./connections.ts";
import { fault } from "./fault.ts";
import { procId, tag, treeState } from "./records.ts";

const uid = wholeNumber;
const truth = v.nullable(v.boolean());

export const process = v.object({
  ...procId.entries,
  /** -1: a listing does not show it. */
  ppid: v.pipe(v.number(), v.safeInteger()),
  /** Process group and session leader (setsid), by pid. */
  pgid: wholeNumber,
  sid: wholeNumber,
  /** Device number of the controlling terminal, 0: none. */
  tty: v.pipe(v.number(), v.safeInteger()),
  /** One letter of proc_pid_stat(5): R, S, D, Z, T, … A `Z` with more than one thread is alive. */
  state: v.string(),
  threads: wholeNumber,
  rssKiB: v.number(),
  /**
   * CPU time in clock ticks, in user and kernel mode, with that of children that were waited for. Absent in listings.
   */
  cpuTicks: v.optional(wholeNumber),
  /** Real, effective, saved and filesystem uid; null: /proc/PID/status could not be read. */
  uids: v.nullable(v.tuple([uid, uid, uid, uid])),
  /** The effective uid, which owns /proc/PID. */
  uid,
  /** Whose subordinate uid that is: every budget of that user counts this process as well. Absent: the uid's own. */
  account: v.optional(uid),
  /** Whether it ignores SIGHUP, as nohup arranges it; null: /proc/PID/status could not be read. */
  ignoresHangup: truth,
  /** The kernel's 15 bytes of name: text that the user chooses. */
  comm: v.string(),
  /** Where the exe link points, with " (deleted)" as the kernel gives it; null: a kernel thread, a zombie or unreadable. */
  exe: v.nullable(v.string()),
  /**
   * Why `exe` could not be read. `too-long`: its path exceeds PATH_MAX, so root did not install it there and it is not
   * a system sshd. `denied`: any other refusal. Absent: it was read, or the process has none.
   */
  exeUnreadable: v.optional(v.picklist(["too-long", "denied"])),
  /** Text that the user chooses. Empty unless `argvStatus` is `read`. */
  argv: v.array(v.string()),
  /** How the reading of its command line ended. `skipped`: it was not needed. */
  argvStatus: v.picklist(["read", "empty", "timeout", "denied", "gone", "skipped"]),
  /** True: the command line was longer than what is kept. */
  argvTruncated: v.boolean(),
  /**
   * Every distinct path of /proc/PID/cgroup; the one that carries sessions (v2, else name=systemd) first. Empty in a
   * kernel without cgroups; null: unreadable, so the process may be a batch job's.
   */
  cgroups: v.nullable(v.array(v.string())),
  /**
   * Which of the catalogue's batch job variables its environment had at its exec: text that the user chooses. Empty:
   * none. Null: unreadable, so it may be a batch job's. Absent: not asked; only the leaders of trees are.
   */
  jobVariables: v.optional(v.nullable(v.array(v.string()))),
  /** Kernel audit session id and login uid; null: unset, or the kernel has no audit. */
  auditSession: v.nullable(wholeNumber),
  loginUid: v.nullable(uid),
  /** Whether the process lives in other namespaces than this program; null: unreadable or not asked. */
  foreignUserNs: truth,
  foreignPidNs: truth,
  /** The same for the mount namespace, compared with process 1's: this program's unit has one of its own. Absent: not asked. */
  foreignMntNs: v.optional(truth),
});

/** How many processes the snapshot met, and what became of them. */
export const counts = v.object({
  listed: wholeNumber,
  read: wholeNumber,
  gone: wholeNumber,
  denied: wholeNumber,
  malformed: wholeNumber,
  timedOut: wholeNumber,
});

/** A user's own request that their trees be left alone: a process of theirs that does nothing but sleep. */
export const keep = v.object({
  ...procId.entries,
  uid,
  /** Milliseconds since the epoch, by its command line; null: unreadable. The request holds for as long as it lives. */
  until: v.nullable(v.number()),
});

export const observation = v.object({
  schemaVersion: v.literal(1),
  host: v.string(),
  /** `ps`: a saved listing without sockets, sessions or start times. */
  source: v.picklist(["proc", "ps"]),
  bootId: v.string(),
  /** Milliseconds since the epoch, and since boot. */
  takenAt: v.number(),
  uptime: v.number(),
  ticksPerSecond: v.pipe(v.number(), v.minValue(1)),
  /** The user who looked: root sees everything, others only what is their own. */
  observerUid: uid,
  processes: v.array(process),
  counts,
  /**
   * Uids of which something was left out, because their owner exceeds a budget of processes or command lines. Absent:
   * no user does.
   */
  overBudget: v.optional(v.array(uid)),
  /** Null: not asked (a ps listing). */
  connections: v.nullable(connections),
  tags: v.array(tag),
  states: v.array(treeState),
  /** The last sweep of the whole host, in milliseconds since boot: an older tree without a state counts as used then. */
  lastSweepAt: v.nullable(v.number()),
  /** The processes that earlier sweeps of this boot could not end. */
  survivors: v.array(procId),
  keeps: v.array(keep),
  /** The cgroups of this program. */
  ownCgroups: v.optional(v.array(v.string())),
  /** Users who were skipped: all of their trees are young or below a session of theirs. Absent: none was. */
  skipped: v.optional(v.array(uid)),
  faults: v.array(fault),
});
