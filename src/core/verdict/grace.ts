/** How long an orphan is left alone. */

import type { Policy } from "../policy/policy.ts";
import type { GraceFlag } from "../recognition/catalogue.ts";
import { valuesOf } from "../recognition/command-line.ts";
import type { Tree } from "../tree/tree.ts";
import { isAgentTree } from "./agents.ts";

/** Milliseconds that a server's own shorter time cannot go below: a link that drops needs minutes to come back. */
const SHORTEST_OWN = 10 * 60_000;

/** Tells how many milliseconds an orphan is left alone: the site's grace, or less where its server asks for less. */
export function graceOf(tree: Tree, policy: Policy): number {
  const cap = policy.graceByProduct[tree.product] ?? (isAgentTree(tree) ? policy.agents.grace : policy.grace);
  const own = tree.members.flatMap((member) => {
    const role = tree.recognised.get(member.pid)?.role;
    const waits = role === "server" || role === "launcher" || role === "agent";
    return waits ? gracesIn(member.argv, policy.catalogue.graceFlags) : [];
  });
  return own.length > 0 ? Math.min(cap, Math.max(SHORTEST_OWN, ...own)) : cap;
}

/** The shortest grace in milliseconds that a policy sets; a server may ask for a shorter one of its own. */
export function shortestGrace({ grace, graceByProduct, agents }: Policy): number {
  return Math.min(grace, agents.grace, ...Object.values(graceByProduct));
}

function gracesIn(argv: readonly string[], flags: readonly GraceFlag[]): number[] {
  return flags.flatMap(({ flag, zero }) =>
    valuesOf(argv, flag).flatMap((seconds) => {
      if (!/^\d{1,9}$/.test(seconds) || (Number(seconds) === 0 && zero === "never")) return [];
      return [Number(seconds) * 1000];
    }),
  );
}
