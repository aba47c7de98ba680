/** What a tree must not reach into: batch jobs, services, containers, terminal multiplexers, other users. */

import { exePath, type Proc } from "../observation/process.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { componentsOf, fitsEnd } from "../recognition/path-pattern.ts";
import { rootsComponents } from "./batch-job.ts";

/** What this host's own logins live in, and so is not a manager from where they stand. */
export interface ManagersHere {
  /** The .service units of root's ssh servers: sessions stay there on hosts without pam_systemd. */
  readonly services: ReadonlySet<string>;
  /** What this program and root's ssh server are in, containers among it: the login node is itself one. */
  readonly containers: ReadonlySet<string>;
}

/** Finds them from the processes of root's ssh servers and this program's own cgroups. */
export function managersHere(rootSshd: readonly Proc[], ownCgroups: readonly string[]): ManagersHere {
  const sshd = rootSshd.flatMap(({ cgroups }) => cgroups ?? []).flatMap(componentsOf);
  return {
    services: new Set(sshd.filter((part) => part.endsWith(".service") && !isUserManager(part))),
    containers: new Set([...sshd, ...ownCgroups.flatMap(componentsOf)]),
  };
}

/**
 * Names the unit or container that manages a process, or null. A service was set up to run something; an ssh session's
 * scope was not, nor was the service of an ssh server, of a single connection or of all.
 */
export function managerOf(process: Proc, here: ManagersHere): string | null {
  for (const path of process.cgroups ?? []) {
    // Guard: below user@UID.service users name cgroups as they like.
    const container = rootsComponents(path).find((part) => isContainer(part) && !here.containers.has(part));
    if (container) return container === "machine.slice" ? container : `container ${container}`;
    const unit = componentsOf(path).findLast((part) => part.endsWith(".service"));
    if (unit === undefined || isUserManager(unit) || isSshService(unit) || here.services.has(unit)) continue;
    return unit;
  }
  return null;
}

const isContainer = (part: string): boolean =>
  /^(?:docker|libpod|crio|cri-containerd)-[0-9a-f]+(?:\.scope)?$/.test(part) ||
  // "/docker/ID", where no systemd makes the container's cgroup: the default with cgroup v1.
  /^[0-9a-f]{64}$/.test(part) ||
  /^kubepods/.test(part) ||
  part === "machine.slice";

const isUserManager = (unit: string): boolean => /^user@\d+\.service$/.test(unit);

/** OpenSSH's and dropbear's own, and one of a socket unit with Accept=yes: NAME@N-ADDR:PORT-ADDR:PORT.service. */
const isSshService = (unit: string): boolean =>
  /^(?:sshd?|dropbear)(?:@.*)?\.service$/.test(unit) || /^[^@]+@\d+-.+:\d+-.+:\d+\.service$/.test(unit);

/**
 * Whether a process is a terminal multiplexer (tmux, screen), started to outlive a connection. A tmux whose file has
 * another name shows by what it calls itself: "mymux: server", which the kernel cuts after 15 bytes.
 */
export function isMultiplexer({ exe, comm }: Proc, { multiplexers }: Catalogue): boolean {
  const names = [exePath(exe ?? ""), comm].map(componentsOf);
  return multiplexers.some((ending) => names.some((parts) => fitsEnd(parts, ending)));
}

/**
 * Says how its user set a process free of the terminal that it was started in, or null. `parent` is what started it,
 * null when that has died. An IDE's own terminal leaves such a process alone when it closes.
 */
export function setFreeBy(process: Proc, parent: Proc | null): string | null {
  if (leadsSession(process)) return "leads a session of its own without a terminal";
  if (process.ignoresHangup) return "ignores the hangup of its terminal";
  if (parent ? !isSameCgroup(process, parent) : isInUsersCgroup(process)) return "is in a cgroup of its own";
  return null;
}

/**
 * Whether a process outside every tree may be what a server that has died started. Servers have no terminal and no job
 * control: their children stay in the process group of the session's leader, `inSession` says that they lead one.
 */
export function couldBeServersChild(process: Proc, inSession: boolean): boolean {
  const { tty, pgid, sid } = process;
  if (tty !== 0 || pgid !== sid) return false;
  return (inSession && leadsSession(process)) || setFreeBy(process, null) === null;
}

const leadsSession = ({ pid, sid, tty }: Proc): boolean => sid === pid && tty === 0;

/** Whether two processes are in the same cgroups, of every hierarchy. */
export const isSameCgroup = (a: Proc, b: Proc): boolean =>
  JSON.stringify(a.cgroups) === JSON.stringify(b.cgroups);

/** Sessions have their cgroups beside the user's service manager; below it is what its user asked that for. */
const isInUsersCgroup = ({ cgroups }: Proc): boolean =>
  (cgroups ?? []).some((path) => componentsOf(path).some(isUserManager));
