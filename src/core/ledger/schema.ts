/** The ledger's record, as it is written and read back. */

import * as v from "valibot";
import { type DataOf, epochTime, idNumber, pidNumber, wholeNumber } from "../text/parse-json.ts";

export const record = v.object({
  schemaVersion: v.literal(1),
  /** Whether the sweep only observed: the tree would have been ended, and lives. */
  would: v.boolean(),
  time: v.string(),
  epochMs: epochTime,
  host: v.string(),
  bootId: v.string(),
  uid: idNumber,
  user: v.string(),
  product: v.string(),
  root: v.object({ pid: pidNumber, startTime: wholeNumber }),
  killed: wholeNumber,
  survivors: wholeNumber,
  /** Why the tree was ended: its session closed, two sweeps found it unused without one, or --force ended it. */
  kind: v.picklist(["closed", "aged", "forced"]),
  /** One of docs/reasons.md. */
  reasonCode: v.string(),
  reasons: v.array(v.string()),
  forced: v.boolean(),
  tagged: v.boolean(),
  closedAt: v.nullable(v.string()),
  remoteHost: v.nullable(v.string()),
  unusedForSeconds: v.nullable(wholeNumber),
  ageSeconds: wholeNumber,
  /** Resident memory of the killed processes. */
  freedKiB: wholeNumber,
  cpuSeconds: v.nullable(wholeNumber),
  /** The names of the programs that ran in its terminals. */
  terminals: v.array(v.string()),
});

export type LedgerRecord = DataOf<typeof record>;
