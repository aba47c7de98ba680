/** Which installed versions `clean` removes, and why each of the others stays. */

import { formatDuration } from "../../../core/text/duration.ts";

/** An installed version as it was found. Times are milliseconds since the epoch. */
export interface Version {
  readonly product: string;
  /** The server folder, as an absolute path without symbolic links. */
  readonly folder: string;
  readonly version: string;
  /** What can be downloaded again, relative to the folder. */
  readonly installs: readonly string[];
  /** Logs, locks and tokens beside it, relative to the folder. */
  readonly traces: readonly string[];
  /** When its newest log, lock or token was written; null: it has none. */
  readonly tracedAt: number | null;
  /** The newest of all times that speak of a use. */
  readonly usedAt: number;
  /** When its newest install was built: orders versions. */
  readonly installedAt: number;
  /** When its newest install came to this place, whatever day its archive says. */
  readonly placedAt: number;
  /** All that is left of it is what an interrupted `clean` renamed. */
  readonly leftover: boolean;
  /** Null: not measured. */
  readonly kib: number | null;
  /** A process of this host that runs it. */
  readonly pid: number | null;
}

export interface Choice {
  readonly version: Version;
  readonly remove: boolean;
  /** Why it stays, or goes. */
  readonly reason: string;
}

/** A log or lock that is younger speaks of a server that may run on another host of a shared home. */
export const RECENT_MS = 86_400_000;

/** Judges all versions together, for the newest of each folder stays. `older`: milliseconds without use. */
export function chooseVersions(versions: readonly Version[], older: number, now: number): Choice[] {
  return versions.map((version): Choice => {
    const reason = whyItStays(version, versions, older, now);
    if (reason !== null) return { version, remove: false, reason };
    if (version.leftover) return { version, remove: true, reason: "left by an interrupted clean" };
    return { version, remove: true, reason: `unused for ${formatDuration(now - version.usedAt)}` };
  });
}

function whyItStays(version: Version, all: readonly Version[], older: number, now: number): string | null {
  const { pid, tracedAt, usedAt, placedAt, leftover } = version;
  if (pid !== null) return `runs here (process ${pid})`;
  if (leftover) return null;
  if (tracedAt !== null && now - tracedAt < RECENT_MS) return "its log or lock was written within a day";
  const beside = all.filter(({ folder, leftover: gone }) => folder === version.folder && !gone);
  if (beside.every((other) => other.installedAt <= version.installedAt)) return "the newest of its product";
  if (beside.every((other) => other.usedAt <= usedAt)) return "the last one used of its product";
  if (now - usedAt < older) return `used ${formatDuration(now - usedAt)} ago`;
  return now - placedAt < older ? `installed ${formatDuration(now - placedAt)} ago` : null;
}
