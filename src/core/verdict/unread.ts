import type { Policy } from "../policy/policy.ts";
import { leadersOf, type Tree } from "../tree/tree.ts";
import type { ReasonCode } from "./reason-codes.ts";

interface Unread {
  readonly code: ReasonCode;
  readonly reason: string;
}

/** Lists what could not be read of a tree and may be a reason to leave it alone. */
export function unread(tree: Tree, policy: Policy): Unread[] {
  const { root } = tree;
  const found: Unread[] = [];
  const add = (code: ReasonCode, reason: string): void => {
    found.push({ code, reason });
  };
  if (root.uids === null) add("user-ids-unreadable", `the user ids of ${root.pid} could not be read`);
  if (root.cgroups === null)
    add("cgroups-unreadable", `the cgroups of ${root.pid} could not be read; it may be in a batch job`);
  // An environment that nothing asked for may be a batch job's, too.
  const hidden = leadersOf(tree).find(({ jobVariables }) => (jobVariables ?? null) === null);
  if (hidden && policy.jobEnvironment === "exempt")
    add(
      "environment-unreadable",
      `the environment of ${hidden.pid} could not be read; it may be a batch job's`,
    );
  const hasNoArgv = root.argvStatus === "timeout" || root.argvStatus === "denied";
  if (hasNoArgv || [...tree.recognised.values()].every(({ role }) => role === "unknown"))
    add("command-line-unreadable", `the command line of ${root.pid} could not be read`);
  return found;
}
