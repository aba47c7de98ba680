/** Keeps notices until their users' next login: one file per user, which only that user can read. */

import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { noticeFile } from "../../core/notify/notice.ts";
import type { Fault } from "../../core/observation/fault.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { Native } from "../host/native.ts";
import { attempt, prepareFolder, readSmallFile, replaceFile } from "./safe-files.ts";

/** Twenty notices are far below it. */
const MAX_BYTES = 262_144;

/** What the notices of one sweep share. */
export interface NoticePorts {
  readonly native: Pick<Native, "grantRead">;
  /** Root's, mode 0711: a file can be opened only by its name, and by an ACL only its user may read it. */
  readonly folder: string;
  readonly policy: Policy["notice"];
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Adds notices to users' files; each file is replaced as a whole. `added` holds, by uid, the lines of each tree. */
export function writeNotices(
  { native, folder, policy, host, now }: NoticePorts,
  added: ReadonlyMap<number, readonly (readonly string[])[]>,
): Fault[] {
  if (added.size === 0) return [];
  const faults = attempt(`write notices in ${folder}`, () => prepareFolder(folder, 0o711));
  if (faults.length > 0) return faults;
  for (const [uid, lines] of added) {
    const file = join(folder, String(uid));
    try {
      const { text: site, days } = policy;
      const text = noticeFile({ host, before: readWaiting(file), added: lines, site, now, days });
      replaceFile(file, text, 0o600, (temporary) => native.grantRead(temporary, uid));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const what = `write the notice ${file}`;
      // The file system is the same for all users.
      if (code === "ENOTSUP") {
        const remedy = "use one that does, or set enabled = false in [notice]";
        return [...faults, { what, detail: `its file system does not support ACLs; ${remedy} (${message})` }];
      }
      faults.push({ what, detail: message });
    }
  }
  return faults;
}

/** Reads the notices that wait. One that cannot be read counts as empty. */
function readWaiting(file: string): string {
  try {
    return readSmallFile(file, MAX_BYTES);
  } catch {
    return "";
  }
}

/** Removes files older than the policy allows, or all of them if notices are turned off. */
export function dropNotices(folder: string, policy: Policy["notice"], now: number): Fault[] {
  const oldest = policy.enabled ? now - policy.days * 86_400_000 : Number.POSITIVE_INFINITY;
  try {
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      const found = lstatSync(file, { throwIfNoEntry: false });
      if (found && found.mtimeMs < oldest) rmSync(file, { force: true });
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      return [{ what: `tidy ${folder}`, detail: (error as Error).message }];
  }
  return [];
}
