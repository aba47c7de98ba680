/** What `clean` shows: a table for people, a document for programs. */

import { formatMemory, localDate } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import type { Choice } from "./choose.ts";

export const CLEAN_HEAD = ["PRODUCT", "VERSION", "SIZE", "LAST USE", "", "WHY"] as const;

/** Enough to tell two commits apart. */
const SHOWN = 12;

export function cleanRow({ version, remove, reason }: Choice): string[] {
  const name = /^[0-9a-f]{40}$/.test(version.version) ? version.version.slice(0, SHOWN) : version.version;
  return [
    escapeText(version.product),
    escapeText(name),
    version.kib === null ? "?" : formatMemory(version.kib),
    localDate(new Date(version.usedAt)),
    remove ? "remove" : "keep",
    escapeText(reason),
  ];
}

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
