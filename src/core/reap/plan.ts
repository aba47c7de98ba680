/** What a sweep ends, and in what order: one user's mass of processes must not delay the end of another's orphans. */

import type { Fault } from "../observation/fault.ts";
import { accountOf, keyOf, type Proc } from "../observation/process.ts";
import { countOf } from "../text/format.ts";
import { groupBy } from "../text/group-by.ts";
import type { Judgement } from "../verdict/judge.ts";

/** Guard: the trees of one user that one sweep ends, and records in the ledger: 256 each hour fill it in two years. */
const MAX_TREES = 256;
/** What a user has at most on an ordinary day; who has more is handled alone, after all others. */
const LIGHT_PROCESSES = 512;
const LIGHT_TREES = 64;

const userOf = ({ tree }: Judgement): number => accountOf(tree.root);

/**
 * Picks the trees to end, at most 256 per user, and reports the users who have more. A forced sweep ends all. Trees with
 * processes that an earlier sweep could not end come last, or 256 of them would keep the others for ever.
 */
export function planOf(
  judgements: readonly Judgement[],
  force: boolean,
  stuck: ReadonlySet<string>,
): { plan: Judgement[]; faults: Fault[] } {
  const byUser = groupBy(
    judgements.filter(({ verdict }) => verdict === "reap"),
    userOf,
  );
  const most = force ? Number.POSITIVE_INFINITY : MAX_TREES;
  const faults = [...byUser]
    .filter(([, trees]) => trees.length > most)
    .map(([uid, trees]): Fault => {
      const detail = `this sweep ends ${most} of ${trees.length}, the next ones the others`;
      return { what: "end all unused trees", uid, detail };
    });
  const isStuck = ({ tree }: Judgement): boolean => tree.members.some((member) => stuck.has(keyOf(member)));
  const picked = (trees: readonly Judgement[]): Judgement[] =>
    [...trees.filter((one) => !isStuck(one)), ...trees.filter(isStuck)].slice(0, most);
  return { plan: [...byUser.values()].flatMap(picked), faults };
}

/** Trees that are ended together. */
export interface Batch {
  readonly plan: readonly Judgement[];
  /** Why its user is handled alone: "uid 1001 has …"; null: its users are not. */
  readonly alone: string | null;
  /** Whether its user has processes that an earlier sweep could not end, and is not waited for as long again. */
  readonly hasSurvivors: boolean;
}

/** Orders a plan: first, in one batch, the users who have no more than is usual; then each other user, by what they have. */
export function batchesOf(
  plan: readonly Judgement[],
  judgements: readonly Judgement[],
  processes: readonly Proc[],
  stuck: ReadonlySet<string>,
): Batch[] {
  const trees = groupBy(judgements, userOf);
  const counts = new Map<number, number>();
  const withSurvivors = new Set<number>();
  for (const process of processes) {
    const user = accountOf(process);
    counts.set(user, (counts.get(user) ?? 0) + 1);
    if (stuck.has(keyOf(process))) withSurvivors.add(user);
  }
  const light: Judgement[] = [];
  const alone: (Batch & { readonly size: number })[] = [];
  for (const [uid, own] of groupBy(plan, userOf)) {
    const size = counts.get(uid) ?? 0;
    const count = trees.get(uid)?.length ?? 0;
    const hasSurvivors = withSurvivors.has(uid);
    if (size <= LIGHT_PROCESSES && count <= LIGHT_TREES && !hasSurvivors) light.push(...own);
    else {
      const has = `${countOf(size, "process", "processes")} in ${countOf(count, "tree")}`;
      const also = hasSurvivors ? ", some that nothing ended before" : "";
      const why = `uid ${uid} has ${has}${also}: its trees are ended apart from those of others`;
      alone.push({ plan: own, alone: why, hasSurvivors, size });
    }
  }
  return [
    { plan: light, alone: null, hasSurvivors: false },
    ...alone.sort((a, b) => a.size - b.size).map(({ size: _, ...batch }) => batch),
  ];
}
