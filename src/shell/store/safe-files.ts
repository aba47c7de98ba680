/** Folders and files of root's own. */

import {
  chmodSync,
  closeSync,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
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
