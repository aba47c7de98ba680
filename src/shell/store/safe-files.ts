/** Reads and writes files safely where other users may have put links, pipes or folders in their place. */

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import type { Fault } from "../../core/observation/fault.ts";
import { isTrustedOwner } from "./service-account.ts";

/** Runs an act and returns what went wrong as a fault. `what` names the act: "write /var/lib/…". */
export function attempt(what: string, act: () => void): Fault[] {
  try {
    act();
    return [];
  } catch (error) {
    return [{ what, detail: (error as Error).message }];
  }
}

/**
 * Opens a file or folder for reading, passes its descriptor and status to `use`, and closes it.
 * Guard: follows no link, does not wait for a pipe's writer, and takes no terminal. `use`
 * judges what was opened, not what the name meant before.
 * @throws ENOENT if there is none, ELOOP if it is a symbolic link
 */
function withOpenFile<T>(path: string, use: (fd: number, status: Stats) => T): T {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  try {
    return use(fd, fstatSync(fd));
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a regular file of at most `most` bytes, even if it grows meanwhile. `check` refuses one by throwing.
 * @throws also when it is a link, another kind of file, or longer
 */
export function readSmallFile(path: string, most: number, check = (_: Stats): void => {}): string {
  return withOpenFile(path, (fd, status) => {
    if (!status.isFile()) throw new Error("it is not a regular file");
    if (status.size > most) throw new Error(`it is larger than ${most} bytes`);
    check(status);
    const bytes = Buffer.alloc(status.size);
    return bytes.toString("utf8", 0, readSync(fd, bytes));
  });
}

/** Whether root owns what has this status, and no other user can write it. */
export function isRootsAlone({ uid, gid, mode }: Stats): boolean {
  return uid === 0 && (mode & 0o002) === 0 && ((mode & 0o020) === 0 || gid === 0);
}

/**
 * Makes a folder. Guard: refuses a link, and a folder that another user owns or can write; a group of root's choice may
 * write to a folder of root's. @throws
 */
export function prepareFolder(folder: string, mode: number): void {
  // mkdir applies the umask.
  if (makeFolder(folder, mode)) withOpenFile(folder, (fd) => fchmodSync(fd, mode));
  const found = lstatSync(folder);
  // The group of a folder of root's is the one that root gave it: the sweep's own account.
  const forbidden = found.uid === 0 ? 0o002 : 0o022;
  if (!found.isDirectory() || !isTrustedOwner(found.uid) || (found.mode & forbidden) !== 0)
    throw new Error(`${folder} is not a folder that only this user can write; remove it and try again`);
}

/** Returns true if the folder had to be made. One step first: a recursive mkdir reports a read-only disk as ENOENT. */
function makeFolder(folder: string, mode: number): boolean {
  try {
    mkdirSync(folder, { mode });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "ENOENT") throw error;
    return mkdirSync(folder, { recursive: true, mode }) !== undefined;
  }
}

/**
 * Writes a whole file by rename, so that no reader sees half of it; the old file stays if that fails. `finish` is called
 * with the temporary name before. @throws
 */
export function replaceFile(
  file: string,
  text: string,
  mode: number,
  finish = (_: string): void => {},
): void {
  const temporary = `${file}.${process.pid}`;
  try {
    const fd = openSync(temporary, "wx", mode);
    try {
      // open applies the umask.
      fchmodSync(fd, mode);
      writeFileSync(fd, text);
    } finally {
      closeSync(fd);
    }
    finish(temporary);
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}
