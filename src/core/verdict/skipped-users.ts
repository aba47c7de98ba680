/** Which users a staged look skips: parents and ages show already that none of their trees is to be ended. */

import { ageOf } from "../observation/observation.ts";
import type { HostView } from "../tree/host-view.ts";

/** Those of a user's suspects (processes that may belong to a server) that live below the same ssh server process. */
export interface SuspectGroup {
  readonly uid: number;
  /** The nearest ssh server process above; 0: none is. */
  readonly session: number;
  /** Of the oldest of them and of what the user runs above them, in clock ticks since boot. */
  readonly startTime: number;
}

/**
 * Lists the users each of whose suspects is below a session of theirs or younger than `grace`, with all that they run above
 * it. `view` has the ssh servers and what is above them alone. A skipped tree counts as seen in use.
 * Guard: not root, nor a user with a tag, which such a sighting would outdate, nor one with an ssh server of their own.
 */
export function skippedUsers(
  { observation, table, sshd }: HostView,
  groups: readonly SuspectGroup[],
  grace: number,
): number[] {
  const others = [...table.byPid.values()].filter(({ pid }) => !sshd.genuine.has(pid));
  const never = new Set([0, ...[...observation.tags, ...others].map(({ uid }) => uid)]);
  const mayEnd = ({ uid, session, startTime }: SuspectGroup): boolean => {
    const isBelowSession = sshd.genuine.get(session)?.uid === uid;
    const isYoung = ageOf({ pid: session, startTime }, observation) < grace;
    return never.has(uid) || !(isBelowSession || isYoung);
  };
  const read = new Set(groups.filter(mayEnd).map(({ uid }) => uid));
  return [...new Set(groups.map(({ uid }) => uid))].filter((uid) => !read.has(uid));
}
