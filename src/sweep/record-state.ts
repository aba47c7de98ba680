/** Record: the tags and marks that a sweep leaves for the next one. */

import { join } from "node:path";
import type { Fault } from "../core/observation/fault.ts";
import type { Observation } from "../core/observation/observation.ts";
import { keyOf } from "../core/observation/process.ts";
import type { Outcome } from "../core/reap/outcome.ts";
import type { JudgeContext, Judgement } from "../core/verdict/judge.ts";
import { marksAfter } from "../core/verdict/marks.ts";
import type { Native } from "../shell/host/native.ts";
import { attempt, prepareFolder } from "../shell/store/safe-files.ts";
import { readSurvivors, writeSurvivors } from "../shell/store/survivors.ts";
import { readTags, removeTag } from "../shell/store/tags.ts";
import { writeMarks } from "../shell/store/tags-and-marks.ts";

interface Seen {
  readonly observation: Observation;
  readonly judgements: readonly Judgement[];
  readonly outcomes: readonly Outcome[];
}

export interface RecordPorts {
  readonly native: Native;
  readonly runFolder: string;
}

/** Drops the tags and marks of trees that their own user uses again, or that are gone, and marks new orphans. */
export async function recordState(
  ports: RecordPorts,
  { options }: JudgeContext,
  seen: Seen,
): Promise<Fault[]> {
  const { bootId } = seen.observation;
  const killed = new Set(seen.outcomes.flatMap((outcome) => outcome.killed).map(keyOf));
  const marks = marksAfter(seen.observation, seen.judgements, options).filter(
    (mark) => !killed.has(keyOf(mark)),
  );
  return [
    ...(await dropTags(ports, seen, killed)),
    // Always: a file that could not be read is thereby replaced or removed.
    ...attempt("write the marks", () => {
      if (marks.length > 0) prepareFolder(ports.runFolder, 0o700);
      writeMarks(ports.runFolder, bootId, marks);
    }),
    ...(await recordSurvivors(ports, seen)),
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

async function dropTags(
  ports: RecordPorts,
  { observation, judgements }: Seen,
  killed: ReadonlySet<string>,
): Promise<Fault[]> {
  const { tags, bootId } = observation;
  if (tags.length === 0) return [];
  // Another user's session spares a tree and says nothing about when its own user left it.
  const used = judgements.filter(({ use }) => use?.own === true).flatMap(({ tree }) => tree.members);
  const attached = new Set(used.map(keyOf));
  const roots = tags.map(({ root }) => root);
  const living = new Set((await ports.native.waitGone(roots, 0)).map(keyOf));
  const folder = join(ports.runFolder, "tags");
  const now = new Map<string, number>();
  const faults = attempt("read the tags again", () => {
    for (const tag of readTags(folder).tags) now.set(keyOf(tag.root), tag.closedUptime);
  });
  for (const tag of tags) {
    const key = keyOf(tag.root);
    const gone = killed.has(key) || !living.has(key);
    // A session that closed while this sweep was at work has dated the tag anew: that date is the next sweep's.
    const outdated = (tag.bootId !== bootId || attached.has(key)) && now.get(key) === tag.closedUptime;
    if (gone || outdated) faults.push(...attempt("remove a tag", () => removeTag(folder, tag.root)));
  }
  return faults;
}
