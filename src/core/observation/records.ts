/** What the hook and earlier sweeps of this boot left: the schemas of these files, and the types of what is in them. */

import * as v from "valibot";
import { type DataOf, epochTime, idNumber, pidNumber, wholeNumber } from "../text/parse-json.ts";

const time = v.pipe(v.number(), v.minValue(0));

/** A process's identity: its pid and its start in clock ticks since boot. A pid alone is never an identity. */
export const procId = v.object({ pid: pidNumber, startTime: wholeNumber });

const shortText = v.nullable(v.pipe(v.string(), v.maxLength(255)));

export const tag = v.object({
  uid: idNumber,
  auditSession: v.nullable(idNumber),
  logindSession: shortText,
  /** Milliseconds since the epoch: for people. */
  closedAt: epochTime,
  /** Milliseconds since boot (CLOCK_BOOTTIME): for arithmetic, unmoved by a clock step. */
  closedUptime: wholeNumber,
  remoteHost: shortText,
});

/** When a user's last ssh session on this host closed: session-close writes it, one per user. */
export type Tag = DataOf<typeof tag>;

const cpuReading = v.object({
  at: time,
  /** Of each member: pid, start time and CPU time in ticks. */
  rows: v.array(v.tuple([pidNumber, wholeNumber, wholeNumber])),
});

/** The CPU time of an agent's or kernel's members at the last sweep. */
export type CpuReading = DataOf<typeof cpuReading>;

export const treeState = v.object({
  ...procId.entries,
  uid: idNumber,
  /** The last sweep that saw it in use; null: none did. */
  usedAt: v.nullable(time),
  /** Its mark: the first sweep that found it an orphan since; null: it was none. */
  orphanAt: v.nullable(time),
  cpu: v.optional(cpuReading),
});

/** What earlier sweeps of this boot found out about a tree, by its root. Times are milliseconds since boot. */
export type TreeState = DataOf<typeof treeState>;
