/** Chooses where Node may keep compiled code between sweeps. */

import { lstatSync } from "node:fs";

/** Made by `CacheDirectory=` in vscode-grim-reaper.service. */
export const CACHE_FOLDER = "/var/cache/vscode-grim-reaper";

/**
 * Returns the folder for Node's compile cache, or null for none. `named` is systemd's CACHE_DIRECTORY.
 * Guard: root runs what lies in that folder, and the environment may be a user's. So only the service's own folder
 * counts, and only while it belongs to this program's user and no other user can enter it.
 */
export function cacheFolder(named: string | undefined, own: string = CACHE_FOLDER): string | null {
  if (named !== own) return null;
  const found = lstatSync(own, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return null;
  return found.uid === process.geteuid?.() && (found.mode & 0o077) === 0 ? own : null;
}
