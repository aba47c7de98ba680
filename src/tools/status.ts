/** `status`: shows in a few lines what the reaper does on this host. */

import { type Common, print, printJson } from "../commands/shared.ts";
import { memoryKiBOf } from "../core/costs/costs.ts";
import { faultLine, isOfHost } from "../core/observation/fault.ts";
import type { Verdict } from "../core/verdict/judge.ts";
import { EXIT } from "../shell/failure.ts";
import { countHookFaults, readLastSweep } from "../shell/store/last-sweep.ts";
import { STATE_FOLDER } from "../shell/store/paths.ts";
import { chooseRecords, totalsOf } from "./core/ledger/summary.ts";
import { asSeen, isBlind } from "./core/views/observer.ts";
import { type LastSweepText, type Status, statusLines } from "./core/views/status-view.ts";
import { CONFIG, commandOf, JSON_OPTION, look } from "./options.ts";
import { ask } from "./shell/ask.ts";
import { unitProperties } from "./shell/examine-host.ts";
import { recordsIn } from "./shell/read-ledger.ts";
import { painter } from "./shell/terminal.ts";

async function status(options: Common): Promise<number> {
  const { policy, observation, judgements, faults } = await look(options);
  const trees: Record<Verdict, number> = { reap: 0, wait: 0, spare: 0, exempt: 0, unknown: 0 };
  for (const one of judgements) trees[asSeen(one, observation).verdict]++;
  const now = Date.now();
  const memory = (some: typeof judgements): number => memoryKiBOf(some.flatMap(({ tree }) => tree.members));
  const report: Status = {
    schemaVersion: 1,
    host: observation.host,
    now: timeOf(now),
    enforcing: policy.enforce,
    lastSweep: ask(lastSweep),
    nextSweep: ask(nextSweep),
    trees,
    ownTreesOnly: isBlind(observation),
    memoryKiB: memory(judgements),
    orphanedKiB: memory(judgements.filter(({ verdict }) => verdict === "reap" || verdict === "wait")),
    hookFaults: ask(countHookFaults),
    endedSinceYesterday: ask(() =>
      totalsOf(chooseRecords(recordsIn(policy.ledger.file), now - 24 * 3_600_000)),
    ),
    faults: faults.filter(isOfHost).map(faultLine),
  };
  if (options.json) printJson(report);
  else print(statusLines(report, painter()).join("\n"));
  return report.faults.length > 0 ? EXIT.failed : EXIT.ok;
}

const timeOf = (ms: number): string => new Date(ms).toISOString();

function lastSweep(): LastSweepText | null {
  const last = readLastSweep(STATE_FOLDER);
  if (last === null) return null;
  const { at, lastGood, survivors, faults } = last;
  return { at: timeOf(at), lastGood: lastGood === null ? null : timeOf(lastGood), survivors, faults };
}

/** As systemd words it; null: the timer is not active. */
function nextSweep(): string | null {
  const { ActiveState, NextElapseUSecRealtime } = unitProperties("vscode-grim-reaper.timer");
  return ActiveState === "active" ? NextElapseUSecRealtime || "soon" : null;
}

export const statusCommand = commandOf(
  "status",
  "show the mode, the last and next sweep, the trees, and what was ended since yesterday",
  status,
)
  .addOption(JSON_OPTION)
  .addOption(CONFIG);
