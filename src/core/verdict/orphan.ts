/** When an orphan is ended: by one sweep, by two, or not yet. */

import type { Reason, ReasonCode } from "../evidence/reasons.ts";
import type { Observation } from "../observation/observation.ts";
import type { Policy } from "../policy/policy.ts";
import { isBusyKind } from "../recognition/catalogue.ts";
import { formatDuration } from "../text/duration.ts";
import { localMinute } from "../text/format.ts";
import type { Tree } from "../tree/tree.ts";
import { workSince } from "./agents.ts";
import type { Clock } from "./clock.ts";

/** Every verdict, in the order in which lists and counts show them. */
export const VERDICTS = ["reap", "wait", "spare", "exempt", "unknown"] as const;

/**
 * `wait`: orphaned, inside its grace or before its second sweep. `spare`: in use. `exempt`: policy or a batch job.
 * `unknown`: a needed fact could not be had.
 */
export type Verdict = (typeof VERDICTS)[number];

/** All reasons of a verdict, the decisive one first. */
type Reasons = readonly [Reason, ...Reason[]];

export const areSome = (reasons: readonly Reason[]): reasons is Reasons => reasons.length > 0;

export interface Decision {
  readonly verdict: Verdict;
  readonly reasons: Reasons;
  /** Milliseconds until a sweep ends the orphan at the earliest; absent or null: it is not waiting. */
  readonly endsIn?: number | null;
}

export interface Orphan {
  readonly tree: Tree;
  readonly clock: Clock;
  /** Milliseconds after the last sign of use. */
  readonly grace: number;
}

/**
 * Decides about an orphan. One sweep is enough with a tag, once the user has left this host; in all else one absent
 * connection at one moment is not a proof, so two sweeps, the grace apart, must find the same. Agents and
 * kernels work without a client: they always need two, and are left alone while they are busy.
 */
export function decideOrphan(
  { tree, clock, grace }: Orphan,
  observation: Observation,
  policy: Policy,
): Decision {
  const { uptime } = observation;
  const worksAlone = isBusyKind(tree.kind);
  const since = sinceWhen(clock, observation);
  const unusedFor = uptime - clock.at;
  const isOneSweep = clock.tag !== null && !clock.userIsHere && !worksAlone;
  const markedFor = uptime - clock.mark;
  const [ofClock, ofMark] = [grace - unusedFor, isOneSweep ? 0 : grace - markedFor];
  const left = Math.max(ofClock, ofMark);
  const { busyFor } = tree.kind === "kernel" ? policy.kernels : policy.agents;
  const shields = worksAlone && busyFor > markedFor;
  const work = shields ? workSince(tree, clock.state?.cpu, observation) : null;
  if (work?.busy === "yes")
    return { verdict: "spare", reasons: [{ code: "agent-busy", text: `busy: ${work.detail}` }] };
  if (work?.busy === "unknown" && left <= 0)
    return waiting("cpu-time-unknown", grace, `${since}; its CPU time since the last sweep is not known`);
  if (left <= 0) {
    const marked =
      isOneSweep || clock.mark === clock.at ? "" : `; first found orphaned ${formatDuration(markedFor)} ago`;
    const text = `${since}, ${formatDuration(unusedFor)} ago, longer than its grace of ${formatDuration(grace)}${marked}`;
    return { verdict: "reap", reasons: [{ code: isOneSweep ? "tag-past-grace" : "two-sweeps", text }] };
  }
  if (ofClock >= ofMark)
    return waiting("inside-grace", left, `${since}, inside its grace of ${formatDuration(grace)}`);
  const why = clock.userIsHere
    ? "its user has an ssh session here, so two sweeps must find it so"
    : "two sweeps must find it so";
  return waiting("marked", left, `${since}; ${why}`);
}

/** "unused since 2026-11-29 14:02: its terminal host 4711 started then". */
export function sinceWhen({ at, sign }: Clock, { takenAt, uptime }: Observation): string {
  return `unused since ${localMinute(takenAt - (uptime - at))}: ${sign}`;
}

const waiting = (code: ReasonCode, endsIn: number, why: string): Decision => ({
  verdict: "wait",
  reasons: [{ code, text: `${why}; the first sweep in ${formatDuration(endsIn)} or later will end it` }],
  endsIn,
});
