import type { DataOf } from "../text/parse-json.ts";
import type { ProcId } from "./process.ts";
import type { keep, observation } from "./schema.ts";

export type { CpuReading, Tag, TreeState } from "./records.ts";

/** A user's own request that their trees be left alone: a process of theirs that does nothing but sleep. */
export type Keep = DataOf<typeof keep>;

/** Everything one sweep knows, taken at one time. The judgement is a function of this and the policy. */
export type Observation = DataOf<typeof observation>;

/** When a process started, in milliseconds since boot. */
export function startedAt(process: ProcId, { ticksPerSecond }: Pick<Observation, "ticksPerSecond">): number {
  return (process.startTime * 1000) / ticksPerSecond;
}

/** Milliseconds that a process has lived. */
export function ageOf(process: ProcId, observation: Pick<Observation, "uptime" | "ticksPerSecond">): number {
  return Math.max(0, observation.uptime - startedAt(process, observation));
}
