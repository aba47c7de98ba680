/** What hangs below a process names it: a process with workers of its own installation is the server. */

import { exePath, type Proc } from "../observation/process.ts";
import type { Catalogue, Role } from "./catalogue.ts";
import { componentsOf } from "./path-pattern.ts";
import { type Recognition, recognise } from "./recognise.ts";

const SERVERS_AND_WORKERS: readonly Role[] = ["server", "worker"];

/**
 * Finds the servers and launchers that show only by what runs below them: a command line that begins with
 * `--install-extension` does not tell. Returns what is to be added to `recognised`.
 */
export function recogniseParents(
  recognised: ReadonlyMap<number, Recognition>,
  byPid: ReadonlyMap<number, Proc>,
  catalogue: Catalogue,
): Map<number, Recognition> {
  const added = new Map<number, Recognition>();
  const pending = [...recognised.keys()];
  // Every process is added once at most, so no circle of parents can hold the walk.
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    const child = byPid.get(pid);
    const below = added.get(pid) ?? recognised.get(pid);
    if (!child || !below || !SERVERS_AND_WORKERS.includes(below.role)) continue;
    const parent = byPid.get(child.ppid);
    // Guard: a parent younger than its child is another process under a recycled number.
    if (!parent || parent.uid !== child.uid || parent.startTime > child.startTime) continue;
    const known = added.get(parent.pid) ?? recognised.get(parent.pid);
    if (known && known.role !== "unknown") continue;
    const found = asServerOf(parent, child, below, catalogue);
    if (!found || added.has(parent.pid)) continue;
    added.set(parent.pid, found);
    pending.push(parent.pid);
  }
  return added;
}

function asServerOf(parent: Proc, child: Proc, below: Recognition, catalogue: Catalogue): Recognition | null {
  const shown = recognise({ ...parent, serves: true }, catalogue);
  if (shown && shown.role !== "unknown") return shown;
  return runsSameNode(parent, child) ? { ...below, role: "server" } : null;
}

/** The same executable, and not one that every program of the host may run: /usr/bin/node. */
function runsSameNode(parent: Proc, child: Proc): boolean {
  const path = exePath(parent.exe ?? "");
  return path === exePath(child.exe ?? "") && path.startsWith("/") && componentsOf(path).at(-2) !== "bin";
}
