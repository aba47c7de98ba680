/** What `clean` shows: a table for people, a document for programs. */

import { formatMemory, localDate } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Column } from "../text/shown.ts";
import type { Choice } from "./choose.ts";

/** Enough to tell two commits apart. */
export const shortVersion = (version: string): string =>
  escapeText(/^[0-9a-f]{40}$/.test(version) ? version.slice(0, 12) : version);

export const CLEAN_COLUMNS: readonly Column<Choice>[] = [
  { head: "PRODUCT", of: ({ version }) => escapeText(version.product) },
  { head: "VERSION", of: ({ version }) => shortVersion(version.version) },
  { head: "SIZE", right: true, of: ({ version: { kib } }) => (kib === null ? "?" : formatMemory(kib)) },
  { head: "LAST USE", of: ({ version }) => localDate(new Date(version.usedAt)) },
  { head: "", of: ({ remove }) => (remove ? "remove" : "keep") },
  { head: "WHY", of: ({ reason }) => escapeText(reason) },
];

/** KiB of all versions that go; unmeasured ones count as nothing. */
export function removedKiB(choices: readonly Choice[]): number {
  return choices.filter(({ remove }) => remove).reduce((sum, { version }) => sum + (version.kib ?? 0), 0);
}

/** For --json. `removed`: the versions to remove are gone, not only named. */
export function cleanDocument(
  host: string,
  choices: readonly Choice[],
  removed: boolean,
  errors: readonly string[],
): Readonly<Record<string, unknown>> {
  return {
    schemaVersion: 1,
    host,
    removed,
    freedKiB: removedKiB(choices),
    versions: choices.map(({ version, remove, reason }) => ({
      product: version.product,
      folder: version.folder,
      version: version.version,
      kib: version.kib,
      usedAt: new Date(version.usedAt).toISOString(),
      runsHere: version.pid,
      remove,
      reason,
    })),
    errors,
  };
}
