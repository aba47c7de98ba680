/** Which installed versions `clean` removes, why each of the others stays, and how that is shown. */

import { formatDuration } from "../../../core/text/duration.ts";
import { formatMemory, localDate } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Column } from "../text/shown.ts";

/** An installed version as it was found. Paths are absolute; times are milliseconds since the epoch. */
export interface Version {
  readonly product: string;
  /** The server folder, without symbolic links. */
  readonly folder: string;
  readonly version: string;
  /** What can be downloaded again. */
  readonly installs: readonly string[];
  /** Logs, locks and tokens beside it. */
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

export interface Choice extends Version {
  readonly remove: boolean;
  /** Why it stays, or goes. */
  readonly reason: string;
}

/** A log or lock that is younger speaks of a server that may run on another host of a shared home. */
const RECENT_MS = 86_400_000;

/** Judges all versions together, for the newest of each folder stays. `older`: milliseconds without use. */
export function chooseVersions(versions: readonly Version[], older: number, now: number): Choice[] {
  return versions.map((version): Choice => {
    const stays = whyItStays(version, versions, older, now);
    const goes = version.leftover
      ? "left by an interrupted clean"
      : `unused for ${formatDuration(now - version.usedAt)}`;
    return { ...version, remove: stays === null, reason: stays ?? goes };
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

export const CLEAN_COLUMNS: readonly Column<Choice>[] = [
  { head: "PRODUCT", of: ({ product }) => escapeText(product) },
  // Enough to tell two commits apart.
  { head: "VERSION", of: ({ version }) => escapeText(version.replace(/^([0-9a-f]{12})[0-9a-f]{28}$/, "$1")) },
  { head: "SIZE", right: true, of: ({ kib }) => (kib === null ? "?" : formatMemory(kib)) },
  { head: "LAST USE", of: ({ usedAt }) => localDate(new Date(usedAt)) },
  { head: "", of: ({ remove }) => (remove ? "remove" : "keep") },
  { head: "WHY", of: ({ reason }) => escapeText(reason) },
];
