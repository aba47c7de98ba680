/** Removes from ledger records what identifies a user. */

import type { LedgerRecord } from "../../../core/ledger/record.ts";
import { groupBy } from "../../../core/text/group-by.ts";
import { sortedBy } from "../text/shown.ts";

/**
 * Names users "user 1", "user 2" and so on, the one with the most trees first, the same on all hosts. Reasons, client
 * addresses and programs go: paths, addresses and names of programs tell a user from others.
 */
export function anonymise(records: readonly LedgerRecord[]): LedgerRecord[] {
  const trees = groupBy(records, ({ user }) => user);
  const order = sortedBy(
    [...trees],
    ([, group]) => -group.length,
    ([user]) => user,
  );
  const numbers = new Map(order.map(([user], i) => [user, i + 1]));
  return records.map((record) => {
    const number = numbers.get(record.user) ?? 0;
    return { ...record, user: `user ${number}`, uid: number, reasons: [], remoteHost: null, terminals: [] };
  });
}
