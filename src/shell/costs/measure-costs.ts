/** Measures what trees cost: read for trees alone, never for the whole host. */

import { type Costs, treeCosts, userCosts } from "../../core/costs/costs.ts";
import type { Tree } from "../../core/tree/tree.ts";
import { readProcess } from "./read-process.ts";
import { readSlice } from "./read-slice.ts";

/** Guard: each user's watches get their own time, so that no user uses up that of others. */
const ONE_USER_MS = 150;
const ALL_MS = 2000;

export interface CostPorts {
  readonly procRoot: string;
  readonly ticksPerSecond: number;
  readonly cgroupRoot?: string;
  /** Milliseconds for all users; default 2 s. */
  readonly budgetMs?: number;
  /** A clock in milliseconds. */
  readonly now?: () => number;
}

/** Costs of these trees and of their users. */
export function measureCosts(trees: readonly Tree[], ports: CostPorts): Costs {
  const { procRoot, ticksPerSecond, cgroupRoot, budgetMs = ALL_MS, now = () => performance.now() } = ports;
  const end = now() + budgetMs;
  const uids = [...new Set(trees.map(({ uid }) => uid))];
  const measured = new Map(
    uids.flatMap((uid) => {
      const late = Math.min(now() + ONE_USER_MS, end);
      const isLate = (): boolean => now() >= late;
      return trees
        .filter((tree) => tree.uid === uid)
        .map((tree) => {
          const read = tree.members.map((one) => readProcess(procRoot, one, ticksPerSecond, isLate));
          return [tree, treeCosts(tree, read)] as const;
        });
    }),
  );
  const costsOf = (some: readonly Tree[]) => some.flatMap((tree) => measured.get(tree) ?? []);
  return {
    trees: costsOf(trees),
    users: uids.map((uid) =>
      userCosts(uid, costsOf(trees.filter((tree) => tree.uid === uid)), readSlice(uid, procRoot, cgroupRoot)),
    ),
  };
}
