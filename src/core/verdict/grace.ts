/** How long an orphan is left alone. */

import type { Policy } from "../policy/policy.ts";
import type { Tree } from "../tree/tree.ts";

/** The site's grace is the cap; a server that gives its clients less time is taken at its word. */
export function graceOf(tree: Tree, policy: Policy): number {
  const cap = policy.graceByProduct[tree.product] ?? policy.grace;
  const own = tree.members.flatMap((member) => {
    const role = tree.recognised.get(member.pid)?.role;
    return role === "server" || role === "launcher" ? graceInArgv(member.argv) : [];
  });
  return own.length > 0 ? Math.min(cap, Math.max(...own)) : cap;
}

function graceInArgv(argv: readonly string[]): number[] {
  return argv.flatMap((element, i) => {
    const value = /^--reconnection-grace-time(?:=(.*))?$/.exec(element);
    if (!value) return [];
    const seconds = value[1] ?? argv[i + 1] ?? "";
    return /^\d{1,9}$/.test(seconds) ? [Number(seconds) * 1000] : [];
  });
}
