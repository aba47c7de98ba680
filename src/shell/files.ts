/** Folders and files of root's own. */
import { lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Fault } from "../core/types.ts";

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
  mkdirSync(folder, { recursive: true, mode });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0)
    throw new Error(`${folder} is not a folder that this user alone may write; remove it and try again`);
}

/** Writes a whole file by rename, so that nobody ever reads half of it; the old one stays when that fails. @throws */
export function replaceFile(file: string, text: string, mode: number): void {
  const temporary = `${file}.${process.pid}`;
  try {
    writeFileSync(temporary, text, { mode, flag: "wx" });
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}
