import type { Reason, ReasonCode } from "../evidence/reasons.ts";
import type { Policy } from "../policy/policy.ts";
import { leadersOf, type Tree } from "../tree/tree.ts";

/** Lists what could not be read of a tree and may be a reason to leave it alone. */
export function unread(tree: Tree, { jobEnvironment }: Policy): Reason[] {
  const { pid, uids, cgroups, argvStatus } = tree.root;
  // An environment that nothing asked for may be a batch job's, too.
  const hidden = leadersOf(tree).find(({ jobVariables }) => (jobVariables ?? null) === null);
  const hasNoArgv = argvStatus === "timeout" || argvStatus === "denied";
  const isUnknown = [...tree.recognised.values()].every(({ role }) => role === "unknown");
  const may = "could not be read; it may be";
  const all: readonly (readonly [boolean, ReasonCode, string])[] = [
    [uids === null, "user-ids-unreadable", `the user ids of ${pid} could not be read`],
    [cgroups === null, "cgroups-unreadable", `the cgroups of ${pid} ${may} in a batch job`],
    [
      jobEnvironment === "exempt" && hidden !== undefined,
      "environment-unreadable",
      `the environment of ${hidden?.pid} ${may} a batch job's`,
    ],
    [hasNoArgv || isUnknown, "command-line-unreadable", `the command line of ${pid} could not be read`],
  ];
  return all.flatMap(([holds, code, text]) => (holds ? [{ code, text }] : []));
}
