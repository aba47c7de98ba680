/** Removes from ledger records what identifies a user. */

import type { LedgerRecord } from "../../../core/ledger/record.ts";

/**
 * Names users "user 1", "user 2" and so on, the one with the most trees first, the same on all hosts. Reasons, client
 * addresses and programs go: paths, addresses and names of programs tell a user from others.
 */
export function anonymise(records: readonly LedgerRecord[]): LedgerRecord[] {
  const trees = new Map<string, number>();
  for (const { user } of records) trees.set(user, (trees.get(user) ?? 0) + 1);
  const order = [...trees].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([user]) => user);
  const numbers = new Map(order.map((user, i) => [user, i + 1]));
  return records.map((record) => {
    const number = numbers.get(record.user) ?? 0;
    return { ...record, user: `user ${number}`, uid: number, reasons: [], remoteHost: null, terminals: [] };
  });
}
