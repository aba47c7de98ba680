/**
 * The folder that login nodes share, touched here and nowhere else, and only in a helper process: its file server may
 * be dead, and then whoever touches it waits for ever.
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  opendirSync,
  openSync,
  readSync,
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
  type Publication,
  type Reading,
  readPublication,
} from "../../core/cluster/publication.ts";
import type { Fault } from "../../core/observation/fault.ts";
import type { RemoteAttachment } from "../../core/observation/observation.ts";
import { isHostName } from "../../core/text/safe-text.ts";

export type ClusterRequest =
  | { readonly act: "read"; readonly folder: string; readonly reading: Reading }
  | { readonly act: "publish"; readonly folder: string; readonly publication: Publication };

export interface ClusterReply {
  /** Null: the folder could not be read. */
  readonly elsewhere: readonly RemoteAttachment[] | null;
  readonly faults: readonly Fault[];
}

const MAX_FAULTS = 10;

export function serveCluster(request: ClusterRequest): ClusterReply {
  const { folder } = request;
  const reading = request.act === "read";
  const what = reading
    ? `read what other login nodes tell in ${folder}`
    : `tell other login nodes in ${folder}`;
  let fd: number | null = null;
  try {
    fd = openFolder(folder);
    // Guard: from here on by descriptor, so that a folder put in its place changes nothing.
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

/** Guard: whoever can write a file here, or put another folder here, can shorten any user's grace. */
function openFolder(folder: string): number {
  const real = realpathSync(folder);
  if (real !== folder) throw new Error(`this is a symbolic link or lies below one; configure ${real}`);
  for (let above = dirname(folder), last = folder; above !== last; last = above, above = dirname(above)) {
    const { uid, mode } = lstatSync(above);
    // In a sticky folder nobody can take away what is root's.
    const othersMay = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
    if (uid !== 0 || othersMay) throw new Error(`${above}, above it, can be changed by others than root`);
  }
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const why = whyNotRoots(fstatSync(fd));
  if (why === null) return fd;
  closeSync(fd);
  throw new Error(why);
}

function whyNotRoots({ uid, mode }: Stats): string | null {
  if (uid !== 0)
    return `belongs to uid ${uid}, not to root; where the file server made root another user, export it with no_root_squash`;
  return (mode & 0o022) === 0 ? null : "can be written by others than root; chmod go-w it";
}

function readAll(at: string, folder: string, reading: Reading): ClusterReply {
  const elsewhere: RemoteAttachment[] = [];
  const faults: Fault[] = [];
  const { names, more } = list(at);
  if (more) faults.push({ what: `read all of ${folder}`, detail: `it holds more than ${MAX_FILES} files` });
  let ignored = 0;
  for (const name of names) {
    const said = readOne(`${at}/${name}`, name, reading);
    if (said === null) continue;
    if ("elsewhere" in said) elsewhere.push(...said.elsewhere);
    else if (++ignored <= MAX_FAULTS) faults.push({ what: `use ${folder}/${name}`, detail: said.error });
  }
  if (ignored > MAX_FAULTS)
    faults.push({ what: `use ${ignored - MAX_FAULTS} more files of ${folder}`, detail: "as above" });
  return { elsewhere, faults };
}

function list(at: string): { names: string[]; more: boolean } {
  const names: string[] = [];
  const folder = opendirSync(at);
  try {
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      // Names that begin with a dot are files that are being written.
      if (!entry.name.endsWith(".json") || entry.name.startsWith(".")) continue;
      if (names.length === MAX_FILES) return { names, more: true };
      names.push(entry.name);
    }
  } finally {
    folder.closeSync();
  }
  return { names: names.sort(), more: false };
}

/** Null: it is gone again. */
function readOne(path: string, name: string, reading: Reading): ReturnType<typeof readPublication> | null {
  let fd: number | null = null;
  try {
    // Guard: never through a link, and a pipe or a device in a file's place must not keep us.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    const found = fstatSync(fd);
    if (!found.isFile()) return { error: "is not a regular file" };
    const why = whyNotRoots(found);
    if (why !== null) return { error: why };
    if (found.size > MAX_FILE_BYTES) return { error: `is larger than ${MAX_FILE_BYTES} bytes` };
    return readPublication(name, readAtMost(fd, MAX_FILE_BYTES), Math.floor(found.mtimeMs), reading);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // ESTALE: its host has just put a new one in its place; the next sweep reads that.
    if (code === "ENOENT" || code === "ESTALE") return null;
    return { error: code === "ELOOP" ? "is a symbolic link" : message };
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

function readAtMost(fd: number, most: number): string {
  const bytes = Buffer.alloc(most);
  let size = 0;
  for (let got = -1; got !== 0 && size < most; size += got)
    got = readSync(fd, bytes, size, most - size, null);
  return bytes.toString("utf8", 0, size);
}

function publish(at: string, folder: string, publication: Publication): void {
  const { host } = publication;
  if (!isHostName(host)) throw new Error("this host's name is none that can name a file");
  const text = `${JSON.stringify(publication)}\n`;
  if (text.length > MAX_FILE_BYTES) throw new Error(`it would be larger than ${MAX_FILE_BYTES} bytes`);
  const temporary = `${at}/.${host}.tmp`;
  let fd: number | null = null;
  try {
    // Of a sweep that was killed; the lock of the helpers keeps two of one host apart.
    rmSync(temporary, { force: true });
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    // 0600: who is where is between the roots of the nodes, and no root needs more.
    fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    const why = whyNotRoots(fstatSync(fd));
    if (why !== null) throw new Error(`what is written here ${why}`);
    writeFileSync(fd, text);
    // A file server that restarts must not have the new name and none of the text.
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
    return `it is read-only here (EROFS); to let the service write there: systemctl edit vscode-grim-reaper.service, and add [Service] ReadWritePaths=${folder}`;
  if (code === "EACCES" || code === "EPERM")
    return `root may not write there (${code}); export it with no_root_squash`;
  return message;
}
