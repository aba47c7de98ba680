/** Record: what a sweep leaves for the next one. */

import { join } from "node:path";
import type { Fault } from "../core/observation/fault.ts";
import type { Mark, Observation } from "../core/observation/observation.ts";
import { keyOf } from "../core/observation/process.ts";
import type { Outcome } from "../core/reap/outcome.ts";
import type { JudgeContext, Judgement, JudgeOptions } from "../core/verdict/judge.ts";
import type { Native } from "../shell/host/native.ts";
import { attempt } from "../shell/store/safe-files.ts";
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

/** Drops the tags of trees that are used again or gone, and marks untagged orphans for a later sweep. */
export async function recordState(
  ports: RecordPorts,
  { policy, options }: JudgeContext,
  { observation, judgements, outcomes }: Seen,
): Promise<Fault[]> {
  const faults: Fault[] = [];
  const used = judgements.filter(({ unforced }) => unforced === "spare").flatMap(({ tree }) => tree.members);
  const attached = new Set(used.map(keyOf));
  const killed = new Set(outcomes.flatMap((outcome) => outcome.killed).map(keyOf));
  const roots = observation.tags.map(({ root }) => root);
  const alive = roots.length === 0 ? [] : await ports.native.waitGone(roots, 0);
  const living = new Set(alive.map(keyOf));
  const folder = join(ports.runFolder, "tags");
  const now = new Map<string, number>();
  if (observation.tags.length > 0)
    faults.push(
      ...attempt("read the tags again", () => {
        for (const tag of readTags(folder).tags) now.set(keyOf(tag.root), tag.closedUptime);
      }),
    );
  for (const { root, bootId, closedUptime } of observation.tags) {
    const key = keyOf(root);
    const gone = killed.has(key) || !living.has(key);
    // A session that closed while this sweep was at work has dated the tag anew: that date is the next sweep's.
    const outdated = (bootId !== observation.bootId || attached.has(key)) && now.get(key) === closedUptime;
    if (gone || outdated) faults.push(...attempt("remove a tag", () => removeTag(folder, root)));
  }
  const marks = policy.untagged === "two-sweeps" ? marksAfter(observation, judgements, options) : [];
  // Always: a file that could not be read is thereby replaced or removed.
  faults.push(...attempt("write the marks", () => writeMarks(ports.runFolder, observation.bootId, marks)));
  return faults;
}

/** Marks of the orphans that stay, old ones with their time. A sweep of some users keeps what it did not look at. */
function marksAfter(
  observation: Observation,
  judgements: readonly Judgement[],
  { uids, pids }: JudgeOptions,
): Mark[] {
  const judged = new Map(judgements.map((judgement) => [keyOf(judgement.tree.root), judgement]));
  const isOrphan = ({ unforced, tag }: Judgement): boolean =>
    tag === null && (unforced === "wait" || unforced === "reap");
  const partial = uids !== null || pids !== null;
  const kept = observation.marks.filter((mark) => {
    const judgement = judged.get(keyOf(mark));
    return judgement ? isOrphan(judgement) : partial;
  });
  const marked = new Set(kept.map(keyOf));
  const added = judgements
    .filter((judgement) => isOrphan(judgement) && !marked.has(keyOf(judgement.tree.root)))
    .map(
      ({ tree }): Mark => ({
        pid: tree.root.pid,
        startTime: tree.root.startTime,
        seenUptime: observation.uptime,
      }),
    );
  return [...kept, ...added];
}
