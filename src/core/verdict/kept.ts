import type { Observation } from "../observation/observation.ts";

/**
 * The request that keeps a tree of this user: a living one, for at most `left` more milliseconds. `until` is in milliseconds
 * since the epoch; null: not known.
 */
export function keptBy(
  uid: number,
  { keeps, takenAt }: Pick<Observation, "keeps" | "takenAt">,
  left: number,
): { readonly until: number | null } | null {
  const own = keeps.filter((keep) => keep.uid === uid);
  if (left <= 0 || own.length === 0) return null;
  // The longest of several. A time that has passed is not true of a process that lives.
  const times = own.map(({ until }) => (until !== null && until > takenAt ? until : null));
  return { until: times.includes(null) ? null : Math.min(Math.max(...times.map(Number)), takenAt + left) };
}
