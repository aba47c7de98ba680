/** What a tree must not reach into: batch jobs, services, containers, terminal multiplexers, other users. */

import { exeName, type Proc } from "../observation/process.ts";
import { type Catalogue, isNamed } from "../recognition/catalogue.ts";
import { components, rootsComponents } from "./batch-job.ts";

/** What this host's own logins live in, and so is not a manager from where they stand. */
export interface ManagersHere {
  /** The .service units of root's ssh servers: sessions stay there on hosts without pam_systemd. */
  readonly services: ReadonlySet<string>;
  /** What this program and root's ssh server are in, containers among it: the login node is itself one. */
  readonly containers: ReadonlySet<string>;
}

/** Finds them from the processes of root's ssh servers and this program's own cgroups. */
export function managersHere(rootSshd: readonly Proc[], ownCgroups: readonly string[]): ManagersHere {
  const sshd = rootSshd.flatMap(({ cgroups }) => cgroups ?? []).flatMap(components);
  return {
    services: new Set(sshd.filter((part) => part.endsWith(".service") && !isUserManager(part))),
    containers: new Set([...sshd, ...ownCgroups.flatMap(components)]),
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
    const unit = components(path).findLast((part) => part.endsWith(".service"));
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

/** Whether an executable is a terminal multiplexer's (tmux, screen), started to outlive a connection. */
export function isMultiplexer(exe: string | null, catalogue: Catalogue): boolean {
  return isNamed(exeName(exe), catalogue.multiplexers);
}
