/** How long an orphan is left alone. */

import type { Policy } from "../policy/policy.ts";
import type { GraceFlag, Role } from "../recognition/catalogue.ts";
import { valuesOf } from "../recognition/command-line.ts";
import type { Tree } from "../tree/tree.ts";

/** Milliseconds that a server's own shorter time cannot go below: a link that drops needs minutes to come back. */
const SHORTEST_OWN = 10 * 60_000;
/** The roles of processes that wait for a client, and take an option for how long. */
const WAITING: readonly Role[] = ["server", "launcher", "agent", "kernel"];

/** Tells how many milliseconds an orphan is left alone: the site's grace, or less where its server asks for less. */
export function graceOf(tree: Tree, policy: Policy): number {
  const cap = policy.graceByProduct[tree.product] ?? graceByKind(tree, policy);
  const own = tree.members.flatMap((member) => {
    const role = tree.recognised.get(member.pid)?.role;
    return role && WAITING.includes(role) ? gracesIn(member.argv, policy.catalogue.graceFlags) : [];
  });
  return own.length > 0 ? Math.min(cap, Math.max(SHORTEST_OWN, ...own)) : cap;
}

function graceByKind(tree: Tree, { grace, agents, kernels }: Policy): number {
  if (tree.kind === "kernel") return kernels.grace;
  return tree.kind === "agent" ? agents.grace : grace;
}

/** The shortest grace in milliseconds that a policy sets; a server may ask for a shorter one of its own. */
export function shortestGrace({ grace, graceByProduct, agents, kernels }: Policy): number {
  return Math.min(grace, agents.grace, kernels.grace, ...Object.values(graceByProduct));
}

function gracesIn(argv: readonly string[], flags: readonly GraceFlag[]): number[] {
  return flags.flatMap(({ flag, unit = 1, zero }) =>
    valuesOf(argv, flag).flatMap((value) => {
      if (!/^\d{1,9}$/.test(value) || (Number(value) === 0 && zero === "never")) return [];
      return [Number(value) * unit * 1000];
    }),
  );
}
