/** What stands above, below and beside a process: it names a server, and tells an orphan from a user's own program. */

import { exeName, exePath, type Proc } from "../observation/process.ts";
import type { Catalogue, Role } from "./catalogue.ts";
import { scriptIndex } from "./command-line.ts";
import { findInstall, rootPath } from "./install-path.ts";
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

/**
 * Removes what the other processes contradict: a program whose starter still lives or that a shell started as a job, and
 * a helper without a server or worker of its installation beside it.
 */
export function dropUnproved(
  recognised: Map<number, Recognition>,
  byPid: ReadonlyMap<number, Proc>,
  catalogue: Catalogue,
): void {
  const helpers = [...recognised].filter(([, { beside }]) => beside !== undefined);
  const usersWithHelpers = new Set(helpers.map(([pid]) => byPid.get(pid)?.uid));
  // Guard: a set, for a user may run thousands of helpers beside thousands of servers.
  const proved = new Set<string>();
  for (const [pid, { role }] of recognised) {
    const process = byPid.get(pid);
    if (!process || role === "helper" || !usersWithHelpers.has(process.uid)) continue;
    for (const root of rootsOf(process, catalogue)) proved.add(`${process.uid} ${root}`);
  }
  for (const [pid, { left, beside }] of recognised) {
    const process = byPid.get(pid);
    if (!process) continue;
    const isAlone = beside !== undefined && !proved.has(`${process.uid} ${beside}`);
    if (isAlone || (left && !isLeft(process, byPid))) recognised.delete(pid);
  }
}

/** The installations that its executable and its script lie in. */
function rootsOf({ exe, argv }: Proc, catalogue: Catalogue): string[] {
  return [exePath(exe ?? ""), argv[scriptIndex(argv) ?? argv.length] ?? ""].flatMap((path) => {
    const install = findInstall(path, catalogue);
    return install ? [rootPath(path, install)] : [];
  });
}

/** Whether the process that started it has ended: pid 1 or the user's service manager has adopted it. */
function isLeft({ pid, ppid, pgid, sid }: Proc, byPid: ReadonlyMap<number, Proc>): boolean {
  // An interactive shell starts each job as the leader of a process group: `nohup opencode serve &`.
  if (pgid === pid && sid !== pid) return false;
  if (ppid === 1) return true;
  const parent = byPid.get(ppid);
  return parent !== undefined && exeName(parent.exe) === "systemd" && parent.argv.includes("--user");
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
