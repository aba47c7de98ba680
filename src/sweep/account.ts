/** Keeps account of a sweep: writes the ledger, users' notices, the site's notifications, the metrics and the last sweep. */

import { recordsOf } from "../core/ledger/record.ts";
import { addUp, type LastSweep, metricsText } from "../core/metrics/metrics.ts";
import { noticeLines } from "../core/notify/notice.ts";
import { type Fault, faultLine, isOfHost } from "../core/observation/fault.ts";
import { notificationLines } from "../core/report/json.ts";
import { groupBy } from "../core/text/group-by.ts";
import { namesOf } from "../shell/host/accounts.ts";
import type { Native } from "../shell/host/native.ts";
import { countHookFaults, readLastSweep, writeLastSweep } from "../shell/store/last-sweep.ts";
import { appendLedger } from "../shell/store/ledger.ts";
import { dropNotices, writeNotices } from "../shell/store/notices.ts";
import { LOG_FOLDER, NOTICE_FOLDER, NOTIFY_FOLDER, STATE_FOLDER } from "../shell/store/paths.ts";
import { attempt, prepareFolder, replaceFile } from "../shell/store/safe-files.ts";
import { asAccount } from "../shell/store/service-account.ts";
import { putIntoSpool } from "../shell/store/spool.ts";
import type { SweepRequest, SweepResult } from "./ports.ts";

declare const PACKAGE_VERSION: string;

/**
 * Records what became of a batch, and returns what could not be written. Of a dry run the ledger alone records what it
 * would have ended; a forced one says nothing of what sweeps would have ended.
 */
export function recordBatch(
  native: Pick<Native, "grantRead">,
  { context: { policy, options }, dryRun }: SweepRequest,
  { outcomes, observation, observing }: Pick<SweepResult, "outcomes" | "observation" | "observing">,
): Fault[] {
  if (dryRun && options.force) return [];
  const now = Date.now();
  const faults: Fault[] = [];
  const ended = outcomes.filter(({ spared }) => spared === null);
  const userOf = namesOf(ended.map(({ judgement }) => judgement.tree.uid));
  if (!dryRun) faults.push(...attempt(`use ${STATE_FOLDER}`, () => prepareFolder(STATE_FOLDER, 0o711)));
  faults.push(...attempt(`use ${LOG_FOLDER}`, () => prepareFolder(LOG_FOLDER, 0o755)));
  // Where no tree was ended, the file is not touched.
  if (policy.ledger.file !== "" && ended.length > 0)
    faults.push(
      ...appendLedger(
        policy.ledger.file,
        recordsOf(ended, observation, { epochMs: now, userOf, would: observing }),
      ),
    );
  if (observing) return faults;
  const killed = policy.notice.enabled ? ended.filter((outcome) => outcome.killed.length > 0) : [];
  const lines = [...groupBy(killed, ({ judgement }) => judgement.tree.uid)].map(
    ([uid, own]) => [uid, own.map((outcome) => noticeLines(outcome, { observation, now, policy }))] as const,
  );
  const { host } = observation;
  const ports = { native, folder: NOTICE_FOLDER, policy: policy.notice, host, now };
  const leave = (): void => {
    faults.push(...dropNotices(NOTICE_FOLDER, policy.notice, now));
    faults.push(...writeNotices(ports, new Map(lines)));
  };
  faults.push(...attempt(`use ${NOTICE_FOLDER}`, () => asAccount(leave)));
  if (policy.hooks.notify !== "") {
    const documents = notificationLines(outcomes, observation, { now, userOf });
    const put = (): void => putIntoSpool(NOTIFY_FOLDER, documents, now);
    faults.push(...attempt(`put notifications into ${NOTIFY_FOLDER}`, () => asAccount(put)));
  }
  return faults;
}

/** Records a sweep, also one that the breaker stopped. One of some users or trees adds to the counters alone. */
export function recordSweep(
  trouble: string | null,
  { context: { policy, options }, dryRun, uids }: SweepRequest,
  result: SweepResult,
): Fault[] {
  if (dryRun) return [];
  const { observation, judgements, observing, broken, outcomes } = result;
  const partial = uids !== null || options.pids !== null;
  const faults: Fault[] = trouble === null ? [] : [{ what: "write the log", detail: trouble }];
  let hookFaults = 0;
  const count = (): void => {
    hookFaults = countHookFaults();
  };
  faults.push(...attempt("count the hook's faults", count));
  let before: LastSweep | null = null;
  try {
    before = readLastSweep(STATE_FOLDER);
  } catch (error) {
    faults.push({ what: "read what was counted before", detail: (error as Error).message });
  }
  // The first whole sweep makes the record.
  if (partial && before === null) return faults;
  const at = Date.now();
  const sample = {
    version: PACKAGE_VERSION,
    enforcing: policy.enforce,
    judgements,
    ticksPerSecond: observation.ticksPerSecond,
    outcomes: observing ? [] : outcomes,
    faults: result.faults.length + faults.length,
    failed: result.failed || faults.length > 0,
    breakerTripped: broken !== null,
    // Since this program started.
    took: performance.now(),
    endedAt: at,
    hookFaults,
  };
  const totals = addUp(before?.totals ?? {}, sample);
  const lastNow = (): LastSweep => {
    const all = [...result.faults, ...faults];
    const lastGood = all.some(isOfHost) ? (before?.lastGood ?? null) : at;
    const survivors = outcomes.flatMap((outcome) => outcome.survivors).length;
    return { schemaVersion: 1, at, lastGood, survivors, faults: all.map(faultLine), totals };
  };
  const { file } = policy.metrics;
  if (file !== "" && !partial) {
    const write = (): void => replaceFile(file, metricsText(sample, lastNow()), 0o644);
    faults.push(...attempt(`write the metrics ${file}`, write));
  }
  // Last, so that doctor and status say when the metrics could not be written.
  const last = partial && before !== null ? { ...before, totals } : lastNow();
  faults.push(...attempt("record the sweep", () => writeLastSweep(STATE_FOLDER, last)));
  return faults;
}
