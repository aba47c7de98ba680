/** The account that the packaged sweep runs as, and what that account and root have in common. */

import { lstatSync } from "node:fs";
import { loadNative } from "../host/native.ts";
import { RUN_FOLDER, STATE_FOLDER } from "./paths.ts";

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const ROOT: Account = { uid: 0, gid: 0 };

/**
 * Returns the owner of the state folder: systemd gives that folder to the unit's `User=`. Root where there is no such
 * folder. Guard: no name is looked up, and root alone can make or give away a folder in /var/lib.
 */
export function serviceAccount(folder: string = STATE_FOLDER): Account {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found?.isDirectory() ? { uid: found.uid, gid: found.gid } : ROOT;
}

/**
 * Acts in the folders of the unit's account. Guard: the account can exchange the names in them at any moment, so root acts
 * there with the account's rights alone. @throws also where the kernel does not let root take these rights
 */
export function asAccount<T>(act: () => T): T {
  const { uid, gid } = serviceAccount();
  if (process.geteuid?.() !== 0 || uid === 0) return act();
  const native = loadNative();
  const groups = [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])];
  try {
    native.actOnFilesAs(uid, [gid]);
    return act();
  } finally {
    native.actOnFilesAs(0, groups);
  }
}

/** Returns true for root and for the account of the unit: they sweep the host, other users only their own trees. */
export function actsForHost(): boolean {
  const uid = process.geteuid?.();
  return uid === 0 || uid === serviceAccount().uid;
}

/** Returns true for an owner whose files this program believes: itself, root, and the account of the unit. */
export function isTrustedOwner(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.() || uid === serviceAccount().uid;
}

/** Returns true where this program may use what sweeps keep below a run folder: an ordinary user may not read root's. */
export function mayRead(runFolder: string): boolean {
  // Under SELinux a confined user may not even ask whose the host's folder is.
  if (runFolder === RUN_FOLDER && !actsForHost()) return false;
  const found = lstatSync(runFolder, { throwIfNoEntry: false });
  return found !== undefined && (actsForHost() || found.uid === process.geteuid?.());
}
