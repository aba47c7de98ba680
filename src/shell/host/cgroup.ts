/** A cgroup as a whole: its processes, and the kernel's end of all of them in one step, which no fork can outrun. */

import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CgroupMember } from "../../core/reap/whole-cgroup.ts";

/** Where version 2 is mounted: alone, or beside version 1. */
const MOUNTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/** In the flags of a process: it is exiting (include/linux/sched.h). */
const PF_EXITING = 0x4;
/** The real one: cgroup.procs speaks of this kernel's processes. */
const PROC = "/proc";
/** How often a cgroup is read, whose processes may be gone before they can be, and the pause between two reads. */
const LOOKS = 5;
const LOOK_PAUSE_MS = 4;
/** A user may make any number of cgroups below their own. */
const MAX_FOLDERS = 256;
const KILL_WAIT_MS = 2000;

/** Finds the folder by which the kernel ends this cgroup by one write (Linux 5.14, version 2); null where there is none. */
export function cgroupFolder(path: string): string | null {
  const folders = MOUNTS.map((mount) => join(mount, path));
  return folders.find((folder) => existsSync(join(folder, "cgroup.kill"))) ?? null;
}

/**
 * All processes in the cgroup and below it. Several looks: what lives for longer than one is seen for certain.
 * @throws what cannot be read, and where it takes more than `limit` milliseconds
 */
export async function membersOf(folder: string, path: string, limit: number): Promise<CgroupMember[]> {
  const members = new Map<string, CgroupMember>();
  const deadline = performance.now() + limit;
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) await delay(LOOK_PAUSE_MS);
    for (const pid of pidsIn(folder)) {
      if (performance.now() > deadline) throw new Error("its user's cgroups take too long to read");
      const member = pid > 0 ? readMember(pid, path) : OUTSIDER;
      if (member) members.set(`${member.pid}@${member.startTime}`, member);
    }
  }
  return [...members.values()];
}

/** Ends all of it and waits until it is empty. Throws with the system's reason. */
export async function killCgroup(folder: string): Promise<void> {
  writeFileSync(join(folder, "cgroup.kill"), "1");
  const deadline = performance.now() + KILL_WAIT_MS;
  while (isPopulated(folder) && performance.now() < deadline) await delay(LOOK_PAUSE_MS);
}

/** Whether any living process is in it or below it. */
export function isPopulated(folder: string): boolean {
  try {
    return /^populated 1$/m.test(readFileSync(join(folder, "cgroup.events"), "utf8"));
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** The kernel shows a process of another pid namespace as 0. */
const OUTSIDER: CgroupMember = { pid: 0, startTime: 0, uids: null, exe: null, outsideParent: null };

function pidsIn(top: string): number[] {
  const pids: number[] = [];
  const folders = [top];
  for (let i = 0; i < folders.length; i++) {
    if (i >= MAX_FOLDERS) throw new Error(`more than ${MAX_FOLDERS} cgroups below ${top}`);
    const folder = folders[i] ?? top;
    try {
      pids.push(
        ...readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number),
      );
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory()) folders.push(join(folder, entry.name));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  return pids;
}

function readMember(pid: number, path: string): CgroupMember | null {
  const folder = join(PROC, String(pid));
  try {
    const fields = readStat(folder);
    if (isDying(fields)) return null;
    const ids = /\nUid:\t(\d+)\t(\d+)\t(\d+)\t(\d+)\n/.exec(readFileSync(join(folder, "status"), "latin1"));
    return {
      pid,
      startTime: Number(fields[19]),
      uids: ids ? ids.slice(1, 5).map(Number) : null,
      exe: readExe(folder),
      outsideParent: readOutsideParent(Number(fields[1]), path),
    };
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** The fields of /proc/PID/stat from the third on, the state (proc_pid_stat(5)). */
function readStat(folder: string): string[] {
  const stat = readFileSync(join(folder, "stat"), "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Whether its last thread is exiting or dead. */
function isDying(fields: readonly string[]): boolean {
  const [state, flags, threads] = [fields[0], Number(fields[6]), Number(fields[17])];
  return state === "X" || ((flags & PF_EXITING) !== 0 && threads <= 1);
}

/** Guard: a link is read and never followed; it may lead into a dead file system. */
function readExe(folder: string): string | null {
  try {
    return readlinkSync(join(folder, "exe"));
  } catch (error) {
    return isGone(error) ? "" : null;
  }
}

function readOutsideParent(pid: number, path: string): CgroupMember["outsideParent"] {
  const folder = join(PROC, String(pid));
  try {
    const paths = readFileSync(join(folder, "cgroup"), "utf8")
      .split("\n")
      .map((line) => line.split(":").slice(2).join(":"));
    const inside = paths.some((each) => each === path || each.startsWith(`${path}/`));
    return inside ? null : { pid, exe: readExe(folder) };
  } catch (error) {
    return isGone(error) ? null : { pid, exe: null };
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ESRCH" || code === "ENODEV";
}
