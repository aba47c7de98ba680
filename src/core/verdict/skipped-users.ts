/** Which users a staged look skips: parents and ages show already that none of their trees is to be ended. */

import { ageOf } from "../observation/observation.ts";
import type { Proc } from "../observation/process.ts";
import type { HostView } from "../tree/host-view.ts";
import { parentOf } from "../tree/process-table.ts";

/** A process that may belong to a server (a suspect), or one above such a process. */
export type ChainProcess = Pick<Proc, "pid" | "startTime" | "ppid" | "uid"> & { readonly suspect: boolean };

/**
 * Lists the users each of whose suspects is below an ssh session of theirs, or younger than `grace` with all that they run
 * above it. `view` has the ssh servers and what is above them alone. A skipped tree counts as seen in
 * use. Guard: not root, nor a user with a tag, which such a sighting would outdate, nor one with an ssh server of their own.
 */
export function skippedUsers(
  { observation, table, sshd }: HostView,
  chain: readonly ChainProcess[],
  grace: number,
): number[] {
  const byPid = new Map(chain.map((one) => [one.pid, one]));
  const others = [...table.byPid.values()].filter(({ pid }) => !sshd.genuine.has(pid));
  const read = new Set([0, ...[...observation.tags, ...others].map(({ uid }) => uid)]);
  const known = new Map<number, { readonly sessionOf: number | undefined; readonly isYoung: boolean }>();
  // Parents come before their children, so each process is met once.
  for (const one of [...chain].sort((a, b) => a.startTime - b.startTime || a.pid - b.pid)) {
    const parent = parentOf({ byPid }, one);
    const above = known.get(parent?.pid ?? 0);
    const server = sshd.genuine.get(one.pid);
    const isServer = server?.startTime === one.startTime;
    const sessionOf = isServer ? server?.uid : above?.sessionOf;
    const isBelowYoung = parent?.uid !== one.uid || above?.isYoung !== false;
    const isYoung = isServer || (isBelowYoung && ageOf(one, observation) < grace);
    known.set(one.pid, { sessionOf, isYoung });
    if (one.suspect && !isYoung && sessionOf !== one.uid) read.add(one.uid);
  }
  const users = new Set(chain.filter(({ suspect }) => suspect).map(({ uid }) => uid));
  return [...users].filter((uid) => !read.has(uid));
}
