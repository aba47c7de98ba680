/** Formats `status` for people: the mode, the sweeps, the trees and what was ended, in a few lines. */

import type { LastSweep } from "../../../core/report/sweep-summary.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import { countOf, formatMemory, localMinute } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Verdict } from "../../../core/verdict/judge.ts";
import { VERDICTS } from "../../../core/verdict/orphan.ts";
import type { Answer, Paint } from "../text/shown.ts";

/** What `status` knows of a host. Times are in milliseconds since the epoch. */
export interface Status {
  readonly schemaVersion: 1;
  readonly host: string;
  readonly now: number;
  readonly enforcing: boolean;
  readonly lastSweep: Answer<LastSweep | null>;
  /** As systemd words it; null if no timer is active. */
  readonly nextSweep: Answer<string | null>;
  readonly trees: Readonly<Record<Verdict, number>>;
  /** Whether the caller sees only their own trees. */
  readonly ownTreesOnly: boolean;
  readonly memoryKiB: number;
  readonly orphanedKiB: number;
  readonly hookFaults: Answer<number>;
  readonly endedSinceYesterday: Answer<{
    readonly trees: number;
    readonly processes: number;
    readonly freedKiB: number;
  }>;
  /** Of the host as it is now. */
  readonly faults: readonly string[];
}

/** Formats the lines. */
export function statusLines(status: Status, paint: Paint): string[] {
  const rows: readonly (readonly [string, string])[] = [
    [
      "mode",
      status.enforcing
        ? paint("green", "enforcing: sweeps end orphans")
        : paint("yellow", "observing: sweeps end nothing; to let them: vscode-grim-reaper enforce"),
    ],
    ["last sweep", orUnknown(status.lastSweep, (last) => lastLine(last, status.now, paint))],
    [
      "next sweep",
      orUnknown(status.nextSweep, (next) => next ?? paint("yellow", "none: the timer is not active")),
    ],
    [status.ownTreesOnly ? "your trees" : "trees", treesLine(status)],
    [
      "memory",
      `${formatMemory(status.memoryKiB)}, of which orphans hold ${formatMemory(status.orphanedKiB)}`,
    ],
    [
      "ended",
      orUnknown(
        status.endedSinceYesterday,
        ({ trees, processes, freedKiB }) =>
          `${countOf(trees, "tree")} in 24 hours (${countOf(processes, "process", "processes")}, ${formatMemory(freedKiB)})`,
      ),
    ],
    [
      "hook faults",
      orUnknown(status.hookFaults, (count) => (count > 0 ? paint("yellow", String(count)) : "0")),
    ],
  ];
  const before = "value" in status.lastSweep ? (status.lastSweep.value?.faults ?? []) : [];
  const past = before.filter((fault) => !status.faults.includes(fault));
  return [
    paint("bold", status.host),
    ...rows.map(([name, text]) => `${name.padEnd(12)}${text}`),
    ...status.faults.map((fault) => `fault       ${escapeText(fault)}`),
    ...past.map((fault) => `last sweep  ${escapeText(fault)}`),
  ];
}

function orUnknown<T>(answer: Answer<T>, format: (value: T) => string): string {
  return "value" in answer ? format(answer.value) : `not known: ${escapeText(answer.failed)}`;
}

function lastLine(last: LastSweep | null, now: number, paint: Paint): string {
  if (last === null) return "none yet";
  const when = (at: number): string => `${localMinute(at)} (${formatDuration(now - at)} ago)`;
  if (last.lastGood === last.at) return `${when(last.at)}, without failure`;
  const good =
    last.lastGood === null ? "none has succeeded yet" : `the last good one was ${when(last.lastGood)}`;
  return `${when(last.at)}, ${paint("red", "failed")}; ${good}`;
}

function treesLine({ trees }: Status): string {
  const all = VERDICTS.reduce((sum, verdict) => sum + trees[verdict], 0);
  const parts = VERDICTS.filter((verdict) => trees[verdict] > 0).map(
    (verdict) => `${trees[verdict]} ${verdict}`,
  );
  return all === 0 ? "none" : `${all}: ${parts.join(", ")}`;
}
