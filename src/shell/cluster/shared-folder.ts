/**
 * Reads and writes the folder that login nodes share. Only a helper process runs this code: if the file server is dead,
 * every process that touches the folder waits for ever.
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  opendirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import {
  fileOf,
  MAX_FILE_BYTES,
  MAX_FILES,
  MAX_TOTAL_BYTES,
  type Publication,
  type ReadOptions,
  readPublication,
} from "../../core/cluster/publication.ts";
import type { Fault } from "../../core/observation/fault.ts";
import type { RemoteAttachment } from "../../core/observation/observation.ts";
import { isHostName } from "../../core/text/safe-text.ts";
import { readAtMost, whyNotSmall, withOpenFile } from "../store/safe-files.ts";
import { isTrustedOwner } from "../store/service-account.ts";

/** What the helper is asked to do. */
export type ClusterRequest =
  | { readonly act: "read"; readonly folder: string; readonly reading: ReadOptions }
  | { readonly act: "publish"; readonly folder: string; readonly publication: Publication };

/** The helper's answer. */
export interface ClusterReply {
  /** Null if the folder was not read. */
  readonly elsewhere: readonly RemoteAttachment[] | null;
  readonly faults: readonly Fault[];
}

const MAX_FAULTS = 10;

/** Reads or publishes, and returns faults instead of throwing. */
export function serveCluster(request: ClusterRequest): ClusterReply {
  const { folder } = request;
  const reading = request.act === "read";
  const what = reading
    ? `read what other login nodes publish in ${folder}`
    : `publish for other login nodes in ${folder}`;
  let fd: number | null = null;
  try {
    fd = openFolder(folder);
    // Guard: by descriptor from here on, so that another folder put in its place changes nothing.
    const at = `/proc/self/fd/${fd}`;
    if (reading) return readAll(at, folder, request.reading);
    publish(at, folder, request.publication);
    return { elsewhere: null, faults: [] };
  } catch (error) {
    return { elsewhere: null, faults: [{ what, detail: (error as Error).message }] };
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** Guard: a user who can write a file here, or put another folder here, can shorten any user's grace period. */
function openFolder(folder: string): number {
  const real = realpathSync(folder);
  if (real !== folder) throw new Error(`it is a symbolic link or below one; configure ${real}`);
  for (let above = dirname(folder), last = folder; above !== last; last = above, above = dirname(above)) {
    const { uid, mode } = lstatSync(above);
    // In a sticky folder only root can remove root's entries.
    const othersMay = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
    if (!isTrustedOwner(uid) || othersMay)
      throw new Error(`users other than root can change ${above}, which is above it`);
  }
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const why = whyNotRoots(fstatSync(fd));
  if (why === null) return fd;
  closeSync(fd);
  throw new Error(why);
}

function whyNotRoots({ uid, mode }: Stats): string | null {
  if (!isTrustedOwner(uid))
    return `belongs to uid ${uid}, not to root or the account of the sweep; run chown on it, with one uid for that account on all nodes`;
  return (mode & 0o022) === 0 ? null : "users other than root can write it; run chmod go-w on it";
}

function readAll(at: string, folder: string, reading: ReadOptions): ClusterReply {
  const elsewhere: RemoteAttachment[] = [];
  const faults: Fault[] = [];
  const { names, more } = list(at);
  if (more)
    faults.push({ what: `read all of ${folder}`, detail: `it contains more than ${MAX_FILES} files` });
  let ignored = 0;
  const affordable = withinTotal(at, names);
  if (affordable.size < names.length) {
    const detail = `its files are larger than ${MAX_TOTAL_BYTES} bytes together; the largest were not read`;
    faults.push({ what: `read all of ${folder}`, detail });
  }
  for (const name of names.filter((one) => affordable.has(one))) {
    const answer = readOne(`${at}/${name}`, name, reading);
    if (answer === null) continue;
    if ("elsewhere" in answer) elsewhere.push(...answer.elsewhere);
    else if (++ignored <= MAX_FAULTS) faults.push({ what: `use ${folder}/${name}`, detail: answer.error });
  }
  if (ignored > MAX_FAULTS)
    faults.push({ what: `use ${ignored - MAX_FAULTS} more files of ${folder}`, detail: "as above" });
  return { elsewhere, faults };
}

/** Guard: the small files count first, so that no large file keeps an honest node's from being read. */
function withinTotal(at: string, names: readonly string[]): Set<string> {
  const sizes = names
    .map((name) => ({ name, size: sizeToRead(`${at}/${name}`) }))
    .sort((a, b) => a.size - b.size);
  let total = 0;
  const affordable = new Set<string>();
  for (const { name, size } of sizes) {
    total += size;
    if (total <= MAX_TOTAL_BYTES) affordable.add(name);
  }
  return affordable;
}

/** Returns the bytes that reading a file takes: 0 for one that is too large to be read, or gone. */
function sizeToRead(path: string): number {
  const size = lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return size > MAX_FILE_BYTES ? 0 : size;
}

function list(at: string): { names: string[]; more: boolean } {
  const names: string[] = [];
  const folder = opendirSync(at);
  try {
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      // A name that begins with a dot is a file that is being written.
      if (!entry.name.endsWith(".json") || entry.name.startsWith(".")) continue;
      if (names.length === MAX_FILES) return { names, more: true };
      names.push(entry.name);
    }
  } finally {
    folder.closeSync();
  }
  return { names: names.sort(), more: false };
}

/** Reads one file; null if it is already gone. */
function readOne(
  path: string,
  name: string,
  reading: ReadOptions,
): ReturnType<typeof readPublication> | null {
  try {
    return withOpenFile(path, (fd, status) => {
      const why = whyNotSmall(status, MAX_FILE_BYTES) ?? whyNotRoots(status);
      if (why !== null) return { error: why };
      const text = readAtMost(fd, status.size).toString("utf8");
      return readPublication(name, text, Math.floor(status.mtimeMs), reading);
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // ESTALE: its host has just replaced the file; the next sweep reads the new one.
    if (code === "ENOENT" || code === "ESTALE") return null;
    return { error: code === "ELOOP" ? "is a symbolic link" : message };
  }
}

function publish(at: string, folder: string, publication: Publication): void {
  const { host } = publication;
  if (!isHostName(host)) throw new Error("this host's name cannot be a file name");
  const text = `${JSON.stringify(publication)}\n`;
  if (text.length > MAX_FILE_BYTES) throw new Error(`it would be larger than ${MAX_FILE_BYTES} bytes`);
  const temporary = `${at}/.${host}.tmp`;
  let fd: number | null = null;
  try {
    // A killed sweep may have left one. The lock of the helpers keeps two helpers of one host apart.
    rmSync(temporary, { force: true });
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    // 0600: which users are attached where is for root on the nodes only.
    fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    const why = whyNotRoots(fstatSync(fd));
    if (why !== null) throw new Error(`a file written here: ${why}`);
    writeFileSync(fd, text);
    // Without it a file server that restarts may have the new name and an empty file.
    fsyncSync(fd);
    renameSync(temporary, `${at}/${fileOf(host)}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EROFS") rmSync(temporary, { force: true });
    throw new Error(withRemedy(error as NodeJS.ErrnoException, folder));
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

function withRemedy({ code, message }: NodeJS.ErrnoException, folder: string): string {
  if (code === "EROFS")
    return `it is read-only here (EROFS); let the service write there: systemctl edit vscode-grim-reaper.service, and add [Service] ReadWritePaths=${folder}`;
  if (code === "EACCES" || code === "EPERM")
    return `this account (uid ${process.geteuid?.()}) may not write there (${code}); chown it to the account of the sweep, with one uid on all nodes`;
  return message;
}
