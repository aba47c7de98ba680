/** What a tree must not reach into: batch jobs, services, containers, terminal multiplexers, other users. */

import { exeName, type Proc } from "../observation/process.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { components } from "./batch-job.ts";

/**
 * The unit or container that manages a process, or null. A service is somebody's decision to run something; an ssh
 * session's scope is not, nor is the ssh server's own service, where sessions stay on hosts without pam_systemd.
 */
export function managerOf(process: Proc, sshdServices: ReadonlySet<string>): string | null {
  for (const path of process.cgroups ?? []) {
    const parts = components(path);
    for (const part of parts) {
      if (
        /^(?:docker|libpod|crio|cri-containerd)-[0-9a-f]+(?:\.scope)?$/.test(part) ||
        /^kubepods/.test(part)
      )
        return `container ${part}`;
      if (part === "machine.slice") return "machine.slice";
    }
    const unit = parts.findLast((part) => part.endsWith(".service"));
    if (unit === undefined || /^user@\d+\.service$/.test(unit)) continue;
    if (/^(?:sshd?|dropbear)(?:@.*)?\.service$/.test(unit) || sshdServices.has(unit)) continue;
    return unit;
  }
  return null;
}

/** The .service units that genuine ssh servers run in: whatever a site calls them, sessions may live there. */
export function servicesOf(processes: readonly Proc[]): Set<string> {
  const units = processes.flatMap((process) => (process.cgroups ?? []).flatMap(components));
  return new Set(units.filter((part) => part.endsWith(".service") && !/^user@\d+\.service$/.test(part)));
}

/** Whether an executable is a terminal multiplexer's (tmux, screen), started to outlive a connection. */
export function isMultiplexer(exe: string | null, catalogue: Catalogue): boolean {
  return catalogue.multiplexers.includes(exeName(exe));
}
