/** The circuit breaker: when the evidence itself looks broken, an unforced sweep stops before its first kill. */
import type { Catalogue } from "./catalogue.ts";
import { findSshd } from "./evidence.ts";
import type { Judgement } from "./judge.ts";
import type { Policy } from "./policy.ts";
import type { Observation } from "./types.ts";

/** What looks broken and what to check, or null when the evidence is plausible. */
export function breakerTrips(
  observation: Observation,
  judgements: readonly Judgement[],
  policy: Policy,
  catalogue: Catalogue,
): string | null {
  const plan = judgements.filter(({ verdict }) => verdict === "reap");
  if (plan.length === 0) return null;
  const { counts, connections } = observation;
  if (counts.denied + counts.malformed > counts.listed / 2)
    return `${counts.denied + counts.malformed} of ${counts.listed} processes could not be read; check hidepid, and the unit's CapabilityBoundingSet and ProtectProc`;
  if (connections === null || !connections.complete)
    return `the list of sockets is not complete (${connections?.faults[0]?.detail ?? "not asked"}); check that netlink sock_diag is allowed`;
  const sshd = [...findSshd(observation.processes, catalogue).genuine.values()];
  const sessions = sshd.filter((process) => process.uid !== 0);
  if (sessions.length > 0 && connections.established.tcp + connections.established.unix === 0)
    return `${sessions.length} ssh session process(es) run but no established socket is seen; check the unit's PrivateNetwork and network namespace`;
  if (policy.maxTrees !== null && plan.length > policy.maxTrees)
    return `${plan.length} trees would be ended and maxTrees is ${policy.maxTrees}; look at them with "vscode-grim-reaper list", then raise it or sweep with --force`;
  return null;
}
