/** Delivers what sweeps put into a spool. */

import { readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "../../core/observation/fault.ts";
import { filesIn, prepareSpool, SPOOLED } from "../../shell/store/spool.ts";

const GIVE_UP_MS = 3 * 86_400_000;

/** Passes each waiting text to `deliver`. Returns what failed: it is kept, and given up after three days. @throws */
export async function emptySpool(
  folder: string,
  now: number,
  deliver: (text: string) => Promise<void> | void,
): Promise<Fault[]> {
  const { fresh, kept } = prepareSpool(folder);
  const faults: Fault[] = [];
  for (const name of filesIn(fresh)) {
    const file = join(kept, name);
    // It leaves the watched folder first, so that even a crash does not start this again.
    renameSync(join(fresh, name), file);
    try {
      await deliver(readFileSync(file, "utf8"));
      rmSync(file);
    } catch (error) {
      const old = now - Number(SPOOLED.exec(name)?.[1]) > GIVE_UP_MS;
      if (old) rmSync(file, { force: true });
      const rest = old ? "given up" : "kept; tried again after the next sweep";
      faults.push({ what: `deliver ${file}`, detail: `${(error as Error).message}; ${rest}` });
    }
  }
  return faults;
}
