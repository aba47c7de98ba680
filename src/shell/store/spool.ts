/**
 * Files on their way from a sweep, whose unit can start nothing, to a unit that can. The sweep puts them into `new`. A path
 * unit then starts the delivery, which moves each to `kept` first. What could not be delivered stays in `kept` until the
 * next sweep puts it back: a path unit that watches a folder with an undeliverable file would start for ever.
 */

import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "../../core/observation/fault.ts";
import { prepareFolder, replaceFile } from "./safe-files.ts";

const GIVE_UP_MS = 3 * 86_400_000;
/** A file is named MILLISECONDS-NUMBER; the time is since the epoch. */
const NAME = /^(\d{13})-(\d{1,10})$/;

function prepare(folder: string): { fresh: string; kept: string } {
  const fresh = join(folder, "new");
  const kept = join(folder, "kept");
  for (const path of [folder, fresh, kept]) prepareFolder(path, 0o700);
  return { fresh, kept };
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => NAME.test(name))
    .sort();

/** Puts texts into `new`, by number, and what could not be delivered before. @throws */
export function putIntoSpool(folder: string, texts: ReadonlyMap<number, string>, now: number): void {
  const { fresh, kept } = prepare(folder);
  for (const [number, text] of texts) {
    const name = `${now}-${number}`;
    const whole = join(folder, name);
    replaceFile(whole, text, 0o600);
    renameSync(whole, join(fresh, name));
  }
  for (const name of filesIn(kept)) renameSync(join(kept, name), join(fresh, name));
}

/** What emptySpool did. */
export interface Delivery {
  readonly delivered: number;
  readonly faults: readonly Fault[];
}

/** Something that can never be delivered: it is not tried again. */
export class Undeliverable extends Error {}

/** Passes each waiting text to `deliver`. What fails is reported and kept, and given up after three days. @throws */
export async function emptySpool(
  folder: string,
  now: number,
  deliver: (text: string) => Promise<void> | void,
): Promise<Delivery> {
  const { fresh, kept } = prepare(folder);
  const faults: Fault[] = [];
  let delivered = 0;
  for (const name of filesIn(fresh)) {
    const file = join(kept, name);
    // It leaves the watched folder first, so that even a crash does not start this again.
    renameSync(join(fresh, name), file);
    try {
      await deliver(readFileSync(file, "utf8"));
      rmSync(file);
      delivered++;
    } catch (error) {
      const old = error instanceof Undeliverable || now - Number(NAME.exec(name)?.[1]) > GIVE_UP_MS;
      if (old) rmSync(file, { force: true });
      const rest = old ? "given up" : "kept; tried again after the next sweep";
      faults.push({ what: `deliver ${file}`, detail: `${(error as Error).message}; ${rest}` });
    }
  }
  return { delivered, faults };
}
