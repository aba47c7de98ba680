import { exeName, exePath, type Proc } from "../observation/process.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { ancestorsOf, isDead, type ProcTable } from "./process-table.ts";

/** Where only root can put a program. An sshd elsewhere counts when root runs the same file. */
export const SYSTEM_PATH = /^\/(?:usr|bin|sbin|lib|lib64|opt|nix\/store)\//;

export interface SshServers {
  /** The host's own ssh server processes by pid: the listener, the monitors and the users' sessions. */
  readonly genuine: ReadonlyMap<number, Proc>;
  /** Those of a session by pid: of `genuine` all but listeners, and sessions whose monitor has died. */
  readonly sessions: ReadonlyMap<number, Proc>;
  /** Processes with the name of one that are a user's own program. */
  readonly impostors: readonly Proc[];
}

/** Finds the processes of ssh servers. */
export function findSshd(table: ProcTable, catalogue: Catalogue): SshServers {
  const named = [...table.byPid.values()].filter(
    (process) => catalogue.sshd.includes(exeName(process.exe)) && !isDead(process),
  );
  const rootRun = new Set(named.filter(({ uid }) => uid === 0).map(({ exe }) => exePath(exe ?? "")));
  const isPlaced = ({ exe, foreignUserNs }: Proc): boolean => {
    const path = exePath(exe ?? "");
    // Guard: inside a user namespace of its own a user can mount anything at /usr/sbin/sshd.
    return foreignUserNs !== true && (rootRun.has(path) || SYSTEM_PATH.test(path));
  };
  const placed = new Set(named.filter(isPlaced).map(({ pid }) => pid));
  // Guard: any user may run the host's sshd on a port of their own. Root's sshd starts the host's sessions.
  const isRoots = (process: Proc): boolean => {
    if (process.uid === 0) return true;
    const { ancestors } = ancestorsOf(table, process);
    const starter = ancestors.find(({ pid, uid }) => uid === 0 || !placed.has(pid));
    return starter?.uid === 0 && starter.pid !== 1 && (starter.exe === null || placed.has(starter.pid));
  };
  const genuine = new Map<number, Proc>();
  const impostors: Proc[] = [];
  for (const process of named) {
    if (placed.has(process.pid) && isRoots(process)) genuine.set(process.pid, process);
    else impostors.push(process);
  }
  // A session whose monitor has died is pid 1's child.
  const adopted = impostors.filter(({ pid, ppid }) => ppid === 1 && placed.has(pid));
  // In a container the listener may be pid 1, which adopts every process without a parent.
  const sessions = [...genuine.values()].filter((one) => one.pid !== 1 && !isListener(one, genuine, table));
  return {
    genuine,
    sessions: new Map([...sessions, ...adopted].map((one) => [one.pid, one])),
    impostors,
  };
}

/**
 * Whether nothing shows that a server is a session's: neither a user, nor an ssh server that started it, nor a program that
 * it started. Guard: without audit the user of a session is not known once its program has ended, or if that is root's.
 */
function isListener(one: Proc, genuine: ReadonlyMap<number, Proc>, table: ProcTable): boolean {
  if (sessionUserOf(one, table) !== null || genuine.has(one.ppid)) return false;
  return (table.children.get(one.pid) ?? []).every(({ pid }) => genuine.has(pid));
}

/** Names the user of an ssh server process; null: the listener's, or one whose user does not show. */
export function sessionUserOf(process: Proc, table: ProcTable): number | null {
  if (process.uid !== 0) return process.uid;
  if (process.loginUid !== null) return process.loginUid;
  // Without audit, and for dropbear, which stays root: the user for whom it started a program.
  return (table.children.get(process.pid) ?? []).find(({ uid }) => uid !== 0)?.uid ?? null;
}

/** Lists the ssh sessions of a user, or of one of several, on this host. */
export function sessionsOf({ sessions }: SshServers, uids: readonly number[], table: ProcTable): Proc[] {
  return [...sessions.values()].filter((one) => uids.includes(sessionUserOf(one, table) ?? -1));
}
