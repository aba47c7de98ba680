/** Reads and removes tags: the files in which the PAM hook writes that a process outlived its session. */

import { type Dirent, lstatSync, opendirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Fault } from "../../core/observation/fault.ts";
import type { Tag } from "../../core/observation/observation.ts";
import type { ProcId } from "../../core/observation/process.ts";
import { whyNewer } from "../../core/text/parse-json.ts";
import { readAtMost, whyNotSmall, withOpenFile } from "./safe-files.ts";
import { isTrustedOwner } from "./service-account.ts";

/** The longest tag that the hook writes: two texts of 255 bytes, escaped. */
const MAX_TAG_BYTES = 4096;
/** Guard: a folder with more files than this must not take the sweep's time and memory. */
const MAX_FILES = 20_000;
/** Faults that are reported one by one. */
const MAX_FAULTS = 20;
/** A hook lives for a second at most, so an older temporary file is left over. */
const TEMPORARY_MS = 60_000;

const OTHERS_MAY_DO_ANYTHING = 0o077;
const OTHERS_MAY_WRITE = 0o022;
const GROUP = 0o070;

export interface TagListing {
  readonly tags: readonly Tag[];
  /** Files that are not tags (torn, another user's, hostile), each named. */
  readonly faults: readonly Fault[];
}

/** Lists the tags in a folder; an absent one has none. @throws when it is not this user's alone, or unreadable */
export function readTags(folder: string): TagListing {
  if (!checkFolder(folder)) return { tags: [], faults: [] };
  const tags: Tag[] = [];
  const faults: Fault[] = [];
  let unreported = 0;
  for (const entry of listFiles(folder, faults)) {
    try {
      if (entry.name.startsWith(".") && entry.name.endsWith(".tmp"))
        faults.push(...removeOldTemporary(folder, entry.name));
      else tags.push(readTag(folder, entry.name));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") continue;
      if (faults.length >= MAX_FAULTS) unreported++;
      else faults.push({ what: "read a tag", detail: `${entry.name}: ${message}; remove it from ${folder}` });
    }
  }
  if (unreported > 0)
    faults.push({
      what: "read the tags",
      detail: `${unreported} more files are not tags; remove them from ${folder}`,
    });
  return { tags: tags.sort((a, b) => a.root.pid - b.root.pid), faults };
}

/** Removes the tags of processes that have ended, by file name, without reading one. @throws as `readTags` does */
export function pruneTags(folder: string, procRoot: string): void {
  if (!checkFolder(folder)) return;
  for (const { name } of listFiles(folder, [])) {
    const pid = /^(\d+)-\d+\.json$/.exec(name)?.[1];
    if (pid && lstatSync(join(procRoot, pid), { throwIfNoEntry: false }) === undefined)
      rmSync(join(folder, name), { force: true });
  }
}

/** Removes a tag; false: there was none. @throws when the folder is not this user's alone */
export function removeTag(folder: string, id: ProcId): boolean {
  if (!checkFolder(folder)) return false;
  const file = join(folder, nameOf(id));
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return false;
  rmSync(file, { force: true });
  return true;
}

const nameOf = ({ pid, startTime }: ProcId): string => `${pid}-${startTime}.json`;

function checkFolder(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return false;
  // Root gives its folder to the group of the sweep's own account, and to no other.
  const forbidden = found.uid === 0 ? OTHERS_MAY_DO_ANYTHING & ~GROUP : OTHERS_MAY_DO_ANYTHING;
  if (!found.isDirectory() || !isTrustedOwner(found.uid) || (found.mode & forbidden) !== 0)
    throw new Error(`${folder} is not a folder that root and this user alone may enter; remove it`);
  return true;
}

function listFiles(folder: string, faults: Fault[]): Dirent[] {
  const entries: Dirent[] = [];
  const directory = opendirSync(folder);
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if (entries.length === MAX_FILES) {
        faults.push({ what: "read the tags", detail: `${folder} has more than ${MAX_FILES} files` });
        break;
      }
      entries.push(entry);
    }
  } finally {
    directory.closeSync();
  }
  return entries;
}

function readTag(folder: string, name: string): Tag {
  if (!/^\d+-\d+\.json$/.test(name)) throw new Error("its name is not a tag's");
  const text = withOpenFile(join(folder, name), (fd, status) => {
    const why = whyNotSmall(status, MAX_TAG_BYTES);
    if (why !== null) throw new Error(`it ${why}`);
    // Guard: in root's folder only root and the account of the sweep can write; a file that says otherwise is not theirs.
    if (!isTrustedOwner(status.uid) || (status.mode & OTHERS_MAY_WRITE) !== 0)
      throw new Error("another user owns it or may write it");
    return readAtMost(fd, status.size).toString("utf8");
  });
  const value = parseJson(text);
  const newer = whyNewer(value);
  if (newer !== null) throw new Error(newer);
  const checked = v.safeParse(tagSchema(), value);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw new Error(`${v.getDotPath(issue) ?? "the whole"}: ${issue.message}`);
  }
  // Guard: a tag under another process's name would be kept or removed for the wrong process.
  if (nameOf(checked.output.root) !== name) throw new Error("its name and its content disagree");
  return checked.output;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
}

/** Removes and reports what an interrupted hook left; a younger file is still being written. */
function removeOldTemporary(folder: string, name: string): Fault[] {
  const file = join(folder, name);
  if (Date.now() - lstatSync(file).mtimeMs < TEMPORARY_MS) return [];
  rmSync(file);
  return [{ what: "write a tag", detail: `${name}: removed, left half-written` }];
}

let schema: ReturnType<typeof makeTagSchema> | undefined;

/** Made when the first tag is read: most sweeps find none. */
function tagSchema(): ReturnType<typeof makeTagSchema> {
  schema ??= makeTagSchema();
  return schema;
}

function makeTagSchema() {
  const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
  const id = v.pipe(whole, v.maxValue(4_294_967_294));
  const text = v.nullable(v.pipe(v.string(), v.maxLength(255)));
  return v.strictObject({
    schemaVersion: v.literal(1),
    bootId: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)),
    uid: id,
    root: v.strictObject({ pid: v.pipe(whole, v.minValue(1), v.maxValue(2_147_483_647)), startTime: whole }),
    auditSession: v.nullable(id),
    logindSession: text,
    closedAt: whole,
    closedUptime: whole,
    product: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,255}$/)),
    remoteHost: text,
  });
}
