/** Keeps account of a sweep: writes the ledger, users' notices, the site's notifications, the metrics and the last sweep. */

import { recordsOf } from "../core/ledger/record.ts";
import { noticeLines } from "../core/notify/notice.ts";
import { type Fault, faultLine, isOfHost } from "../core/observation/fault.ts";
import { notificationLines } from "../core/report/json.ts";
import { groupBy } from "../core/text/group-by.ts";
import { namesOf } from "../shell/host/accounts.ts";
import type { Native } from "../shell/host/native.ts";
import { writeLastSweep } from "../shell/store/last-sweep.ts";
import { appendLedger } from "../shell/store/ledger.ts";
import { writeMetrics } from "../shell/store/metrics.ts";
import { dropNotices, writeNotices } from "../shell/store/notices.ts";
import { LOG_FOLDER, NOTICE_FOLDER, NOTIFY_FOLDER, STATE_FOLDER } from "../shell/store/paths.ts";
import { attempt, prepareFolder } from "../shell/store/safe-files.ts";
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

/** Records a whole sweep, also one that the breaker stopped. Each part counts the faults of those before it. */
export function recordSweep(
  trouble: string | null,
  { context: { policy, options }, dryRun, uids }: SweepRequest,
  result: SweepResult,
): Fault[] {
  if (dryRun) return [];
  const { observation, judgements, observing, broken } = result;
  const partial = uids !== null || options.pids !== null;
  const faults: Fault[] = trouble === null ? [] : [{ what: "write the log", detail: trouble }];
  if (policy.metrics.file !== "") {
    const sample = {
      version: PACKAGE_VERSION,
      enforcing: policy.enforce,
      judgements,
      ticksPerSecond: observation.ticksPerSecond,
      outcomes: observing ? [] : result.outcomes,
      faults: result.faults.length + faults.length,
      failed: result.failed || faults.length > 0,
      breakerTripped: broken !== null,
      // Since this program started.
      took: performance.now(),
      endedAt: Date.now(),
      bootId: observation.bootId,
      partial,
    };
    faults.push(...writeMetrics(policy.metrics.file, sample));
  }
  // Last, so that doctor and the metrics agree when one of them could not be written.
  if (!partial) {
    const survivors = result.outcomes.flatMap((outcome) => outcome.survivors).length;
    const all = [...result.faults, ...faults];
    faults.push(...writeLastSweep(STATE_FOLDER, all.some(isOfHost), survivors, all.map(faultLine)));
  }
  return faults;
}
