// Ledger records: invented ones, and those that a sweep wrote.
import { readFileSync } from "node:fs";
import type { LedgerRecord } from "../../src/core/ledger/record.ts";

/** The records of a ledger's file. */
export const recordsIn = (file: string): LedgerRecord[] =>
  (readFileSync(file, "utf8").match(/.+/g) ?? []).map((line) => JSON.parse(line));

let made = 0;

/** A record of noon, local time, on a day such as "2027-01-03". */
export function ledgerRecord(day: string, init: Partial<LedgerRecord> = {}): LedgerRecord {
  const epochMs = new Date(`${day}T12:00:00`).getTime();
  return {
    schemaVersion: 1,
    would: false,
    time: new Date(epochMs).toISOString(),
    epochMs,
    host: "login1",
    bootId: "b007",
    uid: 2001,
    user: "alice",
    product: "vscode",
    root: { pid: 500, startTime: ++made },
    killed: 6,
    survivors: 0,
    kind: "closed",
    reasonCode: "tag-past-grace",
    reasons: [],
    forced: false,
    tagged: true,
    closedAt: null,
    remoteHost: null,
    unusedForSeconds: 600,
    ageSeconds: 3600,
    freedKiB: 1024,
    cpuSeconds: null,
    terminals: [],
    ...init,
  };
}
