/** Folders and files of root's own. */

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import type { Fault } from "../../core/observation/fault.ts";

/** What went wrong with an act, as a fault: `what` is what was tried, "write /var/lib/…". */
export function attempt(what: string, act: () => void): Fault[] {
  try {
    act();
    return [];
  } catch (error) {
    return [{ what, detail: (error as Error).message }];
  }
}

/** Makes a folder. Guard: one that is a link, or that another user owns or may write, is refused. @throws */
export function prepareFolder(folder: string, mode: number): void {
  // Whatever the umask.
  if (makeFolder(folder, mode)) chmodSync(folder, mode);
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0)
    throw new Error(`${folder} is not a folder that this user alone may write; remove it and try again`);
}

/** Whether it had to be made. One step first: a recursive mkdir calls a read-only file system ENOENT. */
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
 * Reads a file that this user wrote. Guard: it follows no link, waits for no writer of a pipe, opens no device, and
 * refuses what another user owns or may write, or what is longer than `most` bytes. @throws
 */
export function readSmallFile(file: string, most: number): string {
  // Before the open, for opening a device can act on it; O_NONBLOCK and the second check close the gap.
  if (!lstatSync(file).isFile()) throw new Error("it is not a regular file");
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw new Error("it is not a regular file");
    if (found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0)
      throw new Error("another user owns it or may write it");
    if (found.size > most) throw new Error(`it is too long (${found.size} bytes)`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

/** Writes a whole file by rename, so that nobody ever reads half of it; the old one stays when that fails. @throws */
export function replaceFile(file: string, text: string, mode: number): void {
  const temporary = `${file}.${process.pid}`;
  try {
    const fd = openSync(temporary, "wx", mode);
    try {
      // Whatever the umask.
      fchmodSync(fd, mode);
      writeFileSync(fd, text);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}
