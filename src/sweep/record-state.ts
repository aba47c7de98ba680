/** Record: the states and tags that a sweep leaves for the next one. */

import type { Fault } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import { keyOf } from "../core/observation/process.ts";
import type { Outcome } from "../core/reap/outcome.ts";
import type { JudgeContext, Judgement } from "../core/verdict/judge.ts";
import { servedTags, statesAfter } from "../core/verdict/states.ts";
import type { Native } from "../shell/host/native.ts";
import { attempt, prepareFolder } from "../shell/store/safe-files.ts";
import { writeStates } from "../shell/store/states.ts";
import { readSurvivors, writeSurvivors } from "../shell/store/survivors.ts";
import { removeTags } from "../shell/store/tags.ts";

interface Seen {
  readonly observation: Observation;
  /** The newest of each tree. */
  readonly judgements: readonly Judgement[];
  readonly outcomes: readonly Outcome[];
}

export interface RecordPorts {
  readonly native: Native;
  readonly runFolder: string;
}

/** Notes when each tree was seen in use or first found an orphan, and drops the tags of users without trees. */
export async function recordState(
  { native, runFolder }: RecordPorts,
  { options }: JudgeContext,
  seen: Seen,
): Promise<Fault[]> {
  const { observation, judgements } = seen;
  const ended = new Set(seen.outcomes.flatMap((outcome) => outcome.killed).map(keyOf));
  const served = servedTags(observation, judgements, options, ended).map(({ uid }) => uid);
  return [
    ...removeTags(runFolder, served, observation.uptime),
    // Always: a file that could not be read is thereby replaced or removed.
    ...attempt("write the states of trees", () => {
      prepareFolder(runFolder, 0o700);
      writeStates(runFolder, observation.bootId, statesAfter(observation, judgements, options, ended));
    }),
    ...(await recordSurvivors({ native, runFolder }, seen)),
  ];
}

/** Remembers what this sweep and earlier ones could not end, for as long as it lives. */
async function recordSurvivors(
  { native, runFolder }: RecordPorts,
  { observation: { bootId }, outcomes }: Seen,
): Promise<Fault[]> {
  const now = outcomes.flatMap(({ survivors }) => survivors);
  const before = readSurvivors(runFolder, bootId).survivors;
  if (now.length === 0 && before.length === 0) return [];
  const all = new Map(
    [...before, ...now].map(({ pid, startTime }) => [keyOf({ pid, startTime }), { pid, startTime }]),
  );
  const living = await native.waitGone([...all.values()], 0);
  return attempt("write the list of survivors", () => writeSurvivors(runFolder, bootId, living));
}
