/** The circuit breaker: when the evidence itself looks broken, an unforced sweep stops before its first kill. */

import type { Observation } from "../observation/observation.ts";
import { accountOf, type Proc } from "../observation/process.ts";
import type { Policy } from "../policy/policy.ts";
import { groupBy } from "../text/group-by.ts";
import type { HostView } from "../tree/host-view.ts";
import type { Judgement } from "./judge.ts";

/** What looks broken and what to check, or null when the evidence is plausible. */
export function breakerTrips(
  view: HostView,
  judgements: readonly Judgement[],
  policy: Policy,
): string | null {
  const { observation } = view;
  const plan = judgements.filter(({ verdict }) => verdict === "reap");
  const sshd = [...view.sshd.genuine.values()];
  // If the sweep sees nothing, it must not report success. Only root expects to see everything.
  if (plan.length === 0 && observation.observerUid !== 0) return null;
  return (
    blindTo(observation, judgements, sshd) ??
    (plan.length > 0 ? (hiddenSshd(observation, policy) ?? doubtful(observation, plan, sshd, policy)) : null)
  );
}

/** What this program cannot see at all, with or without a plan. */
function blindTo(
  observation: Observation,
  judgements: readonly Judgement[],
  sshd: readonly Proc[],
): string | null {
  const { counts, connections } = observation;
  if (counts.denied + counts.malformed > counts.listed / 2)
    return `${counts.denied + counts.malformed} of ${counts.listed} processes could not be read; check hidepid, and the unit's CapabilityBoundingSet, PrivateUsers and ProtectProc`;
  if (judgements.length === 0 || connections === null) return null;
  // A container's ssh servers are rightly in its own network.
  const own = sshd.filter(({ foreignPidNs }) => foreignPidNs !== true);
  if (own.length > 0 && own.every(({ pid }) => connections.otherNets.some(({ pids }) => pids.includes(pid))))
    return "every ssh server is in another network namespace; check the unit's PrivateNetwork";
  // Guard: a user with more descriptors than the budget hides their own trees, also those under their subordinate uids,
  // and all other users may be skipped.
  const isUsersDoing = connections.faults.some(({ uid }) => uid !== undefined);
  if (!isUsersDoing && judgements.every(({ tree }) => connections.unreadable.includes(tree.root.pid)))
    return "the descriptors of no server tree could be read; check CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE in the unit's CapabilityBoundingSet";
  return null;
}

/** A session that is not known as one uses nothing. Guard: no user gives a process of root's this name and hides its file. */
function hiddenSshd({ processes }: Observation, { catalogue }: Policy): string | null {
  const found = processes.find(
    ({ uid, exeUnreadable, comm }) =>
      uid === 0 && exeUnreadable === "denied" && catalogue.sshd.includes(comm),
  );
  return found
    ? `the executable of ${found.comm} ${found.pid} could not be read, so ssh sessions are not seen; check CAP_SYS_PTRACE, and SELinux or AppArmor denials (ausearch -m avc)`
    : null;
}

/** Why the plan is not to be trusted. */
function doubtful(
  observation: Observation,
  plan: readonly Judgement[],
  sshd: readonly Proc[],
  policy: Policy,
): string | null {
  const { connections } = observation;
  if (connections === null || !connections.complete)
    return `the list of sockets is not complete (${connections?.faults[0]?.detail ?? "not asked"}); check that netlink sock_diag is allowed`;
  const sessions = sshd.filter((process) => process.uid !== 0);
  if (sessions.length > 0 && connections.established.tcp + connections.established.unix === 0)
    return `${sessions.length} ssh session process(es) run but no established socket is seen; check the unit's PrivateNetwork and network namespace`;
  if (policy.maxTrees !== null && countForMax(plan, policy.maxTrees) > policy.maxTrees)
    return `${plan.length} trees would be ended and maxTrees is ${policy.maxTrees}; look at them with "vscode-grim-reaper list", then raise maxTrees, or end them by user: sweep -u USER`;
  return null;
}

/** Guard: of one user's trees at most half of `maxTrees` counts, so that no user alone stops the end of others'. */
function countForMax(plan: readonly Judgement[], maxTrees: number): number {
  const most = Math.max(1, Math.floor(maxTrees / 2));
  const byUser = groupBy(plan, ({ tree }) => accountOf(tree.root));
  return [...byUser.values()].reduce((sum, trees) => sum + Math.min(trees.length, most), 0);
}
