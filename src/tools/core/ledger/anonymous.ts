/** Removes from ledger records what identifies a user. */

import type { LedgerRecord } from "../../../core/ledger/record.ts";

/**
 * Names users "user 1", "user 2" and so on, the same on all hosts. Reasons, client addresses and programs go: paths,
 * addresses and names of programs tell a user from others.
 */
export function anonymise(records: readonly LedgerRecord[]): LedgerRecord[] {
  const users = [...new Set(records.map(({ user }) => user))];
  const numbers = new Map(users.map((user, i) => [user, i + 1]));
  return records.map((record) => {
    const number = numbers.get(record.user) ?? 0;
    return { ...record, user: `user ${number}`, uid: number, reasons: [], remoteHost: null, terminals: [] };
  });
}
