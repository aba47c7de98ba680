/**
 * Files on their way from a sweep, whose unit can start nothing, to a unit that can. The sweep puts them into `new`. A path
 * unit then starts the delivery, which moves each to `kept` first. What could not be delivered stays in `kept` until the
 * next sweep puts it back: a path unit that watches a folder with an undeliverable file would start for ever.
 */

import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { prepareFolder, replaceFile } from "./safe-files.ts";

/** A file is named MILLISECONDS-NUMBER; the time is since the epoch. */
export const SPOOLED = /^(\d{13})-(\d{1,10})$/;

/** Makes the folders of a spool. @throws */
export function prepareSpool(folder: string): { fresh: string; kept: string } {
  const fresh = join(folder, "new");
  const kept = join(folder, "kept");
  for (const path of [folder, fresh, kept]) prepareFolder(path, 0o700);
  return { fresh, kept };
}

/** Lists the names of its files, oldest first. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => SPOOLED.test(name))
    .sort();

/** Puts texts into `new`, and what could not be delivered before. @throws */
export function putIntoSpool(folder: string, texts: readonly string[], now: number): void {
  const { fresh, kept } = prepareSpool(folder);
  for (const [number, text] of texts.entries()) {
    const name = `${now}-${number}`;
    const whole = join(folder, name);
    replaceFile(whole, text, 0o600);
    renameSync(whole, join(fresh, name));
  }
  for (const name of filesIn(kept)) renameSync(join(kept, name), join(fresh, name));
}
