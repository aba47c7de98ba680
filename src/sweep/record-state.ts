/** Record: the states and tags that a sweep leaves for the next one. */

import type { Fault } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import { keyOf, type ProcId } from "../core/observation/process.ts";
import type { Outcome } from "../core/reap/outcome.ts";
import type { Judgement, JudgeOptions } from "../core/verdict/judge.ts";
import { servedTags, statesAfter } from "../core/verdict/states.ts";
import type { Native } from "../shell/host/native.ts";
import { attempt, prepareFolder } from "../shell/store/safe-files.ts";
import { writeStates } from "../shell/store/states.ts";
import { removeTags } from "../shell/store/tags.ts";
import type { Ports } from "./ports.ts";

interface Seen {
  readonly observation: Observation;
  /** The newest of each tree. */
  readonly judgements: readonly Judgement[];
  readonly outcomes: readonly Outcome[];
}

/** Notes when each tree was seen in use or first found an orphan, and drops the tags of users without trees. */
export async function recordState(
  { native, runFolder }: Pick<Ports, "native" | "runFolder">,
  options: Pick<JudgeOptions, "uids" | "pids">,
  seen: Seen,
): Promise<Fault[]> {
  const { observation, judgements } = seen;
  const ended = new Set(seen.outcomes.flatMap((outcome) => outcome.killed).map(keyOf));
  const served = servedTags(observation, judgements, options, ended).map(({ uid }) => uid);
  const survivors = await livingSurvivors(native, seen);
  return [
    ...removeTags(runFolder, served, observation.uptime),
    // Always: a file that could not be read is thereby replaced or removed.
    ...attempt("write the states of trees", () => {
      prepareFolder(runFolder, 0o700);
      const after = statesAfter(observation, judgements, options, ended);
      writeStates(runFolder, observation.bootId, { ...after, survivors });
    }),
  ];
}

/** Lists what this sweep and earlier ones could not end and still lives. */
async function livingSurvivors(native: Native, { observation, outcomes }: Seen): Promise<ProcId[]> {
  const all = [...observation.survivors, ...outcomes.flatMap(({ survivors }) => survivors)];
  if (all.length === 0) return [];
  const ids = new Map(all.map(({ pid, startTime }) => [keyOf({ pid, startTime }), { pid, startTime }]));
  return native.waitGone([...ids.values()], 0);
}
