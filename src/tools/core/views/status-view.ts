/** Formats `status` for people: the mode, the sweeps, the trees and what was ended, in a few lines. */

import type { LastSweep } from "../../../core/metrics/metrics.ts";
import { formatDuration } from "../../../core/text/duration.ts";
import { formatMemory, localMinute } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Verdict } from "../../../core/verdict/judge.ts";
import { VERDICTS } from "../../../core/verdict/orphan.ts";
import type { Totals } from "../ledger/summary.ts";
import { totalsLine } from "../ledger/summary-view.ts";
import type { Answer, Paint } from "../text/shown.ts";

/** What `status` knows of a host, and prints as JSON. Times have their zone. */
export interface Status {
  readonly schemaVersion: 1;
  readonly host: string;
  readonly now: string;
  readonly enforcing: boolean;
  readonly lastSweep: Answer<LastSweepText | null>;
  /** As systemd words it; null if no timer is active. */
  readonly nextSweep: Answer<string | null>;
  readonly trees: Readonly<Record<Verdict, number>>;
  /** Whether the caller sees only their own trees. */
  readonly ownTreesOnly: boolean;
  readonly memoryKiB: number;
  readonly orphanedKiB: number;
  readonly hookFaults: Answer<number>;
  readonly endedSinceYesterday: Answer<Totals>;
  /** Of the host as it is now. */
  readonly faults: readonly string[];
}

/** The last sweep, with its times as text. */
export type LastSweepText = Pick<LastSweep, "survivors" | "faults"> & {
  readonly at: string;
  readonly lastGood: string | null;
};

/** Formats the lines. */
export function statusLines(status: Status, paint: Paint): string[] {
  const { lastSweep, memoryKiB, orphanedKiB, faults } = status;
  const before = "value" in lastSweep ? (lastSweep.value?.faults ?? []) : [];
  const rows: readonly (readonly [string, string])[] = [
    [
      "mode",
      status.enforcing
        ? paint("green", "enforcing: sweeps end orphans")
        : paint("yellow", "observing: sweeps end nothing; to let them: vscode-grim-reaper enforce"),
    ],
    ["last sweep", orUnknown(lastSweep, (last) => lastLine(last, Date.parse(status.now), paint))],
    [
      "next sweep",
      orUnknown(status.nextSweep, (next) => next ?? paint("yellow", "none: the timer is not active")),
    ],
    [status.ownTreesOnly ? "your trees" : "trees", treesLine(status)],
    ["memory", `${formatMemory(memoryKiB)}, of which orphans hold ${formatMemory(orphanedKiB)}`],
    ["ended", orUnknown(status.endedSinceYesterday, (totals) => `${totalsLine(totals)} in 24 hours`)],
    [
      "hook faults",
      orUnknown(status.hookFaults, (count) => (count > 0 ? paint("yellow", String(count)) : "0")),
    ],
    ...faults.map((fault) => ["fault", escapeText(fault)] as const),
    ...before
      .filter((fault) => !faults.includes(fault))
      .map((fault) => ["last sweep", escapeText(fault)] as const),
  ];
  return [paint("bold", status.host), ...rows.map(([name, text]) => `${name.padEnd(12)}${text}`)];
}

function orUnknown<T>(answer: Answer<T>, format: (value: T) => string): string {
  return "value" in answer ? format(answer.value) : `not known: ${escapeText(answer.failed)}`;
}

function lastLine(last: LastSweepText | null, now: number, paint: Paint): string {
  if (last === null) return "none yet";
  const when = (time: string): string => {
    const at = Date.parse(time);
    return `${localMinute(at)} (${formatDuration(now - at)} ago)`;
  };
  if (last.lastGood === last.at) return `${when(last.at)}, without failure`;
  const good =
    last.lastGood === null ? "none has succeeded yet" : `the last good one was ${when(last.lastGood)}`;
  return `${when(last.at)}, ${paint("red", "failed")}; ${good}`;
}

function treesLine({ trees }: Status): string {
  const known = VERDICTS.filter((verdict) => trees[verdict] > 0);
  const all = known.reduce((sum, verdict) => sum + trees[verdict], 0);
  return all === 0 ? "none" : `${all}: ${known.map((verdict) => `${trees[verdict]} ${verdict}`).join(", ")}`;
}
