/** One process as the kernel describes it, and its identity. */

import type { DataOf } from "../text/parse-json.ts";
import type { procId } from "./records.ts";
import type { process } from "./schema.ts";

/** Returns a text that identifies the process, for maps and sets. */
export function keyOf({ pid, startTime }: ProcId): string {
  return `${pid}@${startTime}`;
}

/** A process's identity: its pid and its start in clock ticks since boot. A pid alone is never an identity. */
export type ProcId = DataOf<typeof procId>;

/** One process as the kernel described it. A field that could not be read is null, never zero. */
export type Proc = DataOf<typeof process>;

/** Returns the uid whose budgets count this process. */
export const accountOf = ({ uid, account = uid }: Proc): number => account;

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

/** Names a process for people: "sudo 510", by the kernel's name where its executable is not known. */
export const nameOf = ({ exe, comm, pid }: Pick<Proc, "exe" | "comm" | "pid">): string =>
  `${exeName(exe) || comm} ${pid}`;

/** Whether a process adopts what others left behind: pid 1, or a user's service manager. */
export const isAdopter = ({ pid, exe }: Proc): boolean => pid === 1 || exeName(exe) === "systemd";
