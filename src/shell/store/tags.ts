/** Reads and removes tags: one file per user, in which the PAM hook writes when a session of theirs closed last. */

import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Fault } from "../../core/observation/fault.ts";
import type { Tag } from "../../core/observation/observation.ts";
import { tag } from "../../core/observation/records.ts";
import { readDocument } from "./document.ts";
import { attempt } from "./safe-files.ts";
import { asAccount, isTrustedOwner, mayRead } from "./service-account.ts";

/** The longest tag that the hook writes: two texts of 255 bytes, escaped. */
const MAX_TAG_BYTES = 4096;
/** A hook lives for a second at most, so an older temporary file is left over. */
const TEMPORARY_MS = 60_000;

const OTHERS_MAY_DO_ANYTHING = 0o077;
const OTHERS_MAY_WRITE = 0o022;
const GROUP = 0o070;

const tagFile = v.strictObject({
  ...tag.entries,
  schemaVersion: v.literal(1),
  bootId: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)),
});

/**
 * Reads the tags of this boot below a run folder, one per uid, by uid. Faults: files that are not tags (torn, another user's,
 * hostile), and a folder that is not used. An ordinary user, who may not read root's, gets none.
 */
export function readTags(runFolder: string, bootId: string): { tags: Tag[]; faults: Fault[] } {
  const folder = join(runFolder, "tags");
  const tags: Tag[] = [];
  const faults: Fault[] = [];
  for (const name of namesIn(runFolder, faults)) {
    try {
      if (name.startsWith(".") && name.endsWith(".tmp")) faults.push(...removeOldTemporary(folder, name));
      else {
        const { schemaVersion: _, bootId: written, ...found } = readTag(folder, name) ?? {};
        if (written === bootId) tags.push(found as Tag);
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT")
        faults.push({ what: "read a tag", detail: `${name}: ${message}; remove it from ${folder}` });
    }
  }
  return { tags: tags.sort((a, b) => a.uid - b.uid), faults };
}

/**
 * Removes the tags of these users, but for one that closed after `uptime` (milliseconds since boot): the caller had
 * looked before that.
 */
export function removeTags(runFolder: string, uids: readonly number[], uptime: number): Fault[] {
  const folder = join(runFolder, "tags");
  const faults: Fault[] = [];
  const there = new Set(uids.length > 0 ? namesIn(runFolder, faults) : []);
  for (const name of uids.map((uid) => `${uid}.json`).filter((one) => there.has(one)))
    faults.push(
      ...attempt(`remove the tag ${name} in ${folder}`, () => {
        if ((readTag(folder, name)?.closedUptime ?? 0) <= uptime)
          asAccount(() => rmSync(join(folder, name), { force: true }));
      }),
    );
  return faults;
}

/** The names in the folder of tags. Guard: only a folder that root and the account of the sweep alone can use counts. */
function namesIn(runFolder: string, faults: Fault[]): string[] {
  const folder = join(runFolder, "tags");
  if (!mayRead(runFolder)) return [];
  try {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found === undefined) return [];
    // Root gives its folder to the group of the sweep's own account, and to no other.
    const forbidden = found.uid === 0 ? OTHERS_MAY_DO_ANYTHING & ~GROUP : OTHERS_MAY_DO_ANYTHING;
    if (!found.isDirectory() || !isTrustedOwner(found.uid) || (found.mode & forbidden) !== 0)
      throw new Error("it is not a folder that root and this user alone may enter; remove it");
    return readdirSync(folder);
  } catch (error) {
    faults.push({ what: `read the tags in ${folder}`, detail: (error as Error).message });
    return [];
  }
}

/** Reads a tag; null if there is none. @throws what is wrong with it */
function readTag(folder: string, name: string): v.InferOutput<typeof tagFile> | null {
  const uid = /^(\d+)\.json$/.exec(name)?.[1];
  if (uid === undefined) throw new Error("its name is not a tag's");
  const found = readDocument(join(folder, name), tagFile, MAX_TAG_BYTES, (status) => {
    // Guard: in root's folder only root and the account of the sweep can write; a file that says otherwise is not theirs.
    if (!isTrustedOwner(status.uid) || (status.mode & OTHERS_MAY_WRITE) !== 0)
      throw new Error("another user owns it or may write it");
  });
  // Guard: a tag under another user's name would date the wrong user's trees.
  if (found && String(found.uid) !== uid) throw new Error("the file's name does not match its content");
  return found;
}

/** Removes and reports what an interrupted hook left; a younger file is still being written. */
function removeOldTemporary(folder: string, name: string): Fault[] {
  const file = join(folder, name);
  if (Date.now() - lstatSync(file).mtimeMs < TEMPORARY_MS) return [];
  asAccount(() => rmSync(file));
  return [{ what: "write a tag", detail: `${name}: removed, left half-written` }];
}
