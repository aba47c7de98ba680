// Files of the trees under a test's home folder, owned by the user whose tree it is.
import { chmodSync, chownSync, copyFileSync, existsSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** HOME/bin/NAME as a puppet; its path. */
export function puppetNamed(home: string, name: string, uid?: number): string {
  const path = join(home, "bin", name);
  installPuppet(home, path, uid);
  return path;
}

/** Puts the puppet at `path`: one copy per home, hard links of it after that. Owner set to `uid` as root. */
export function installPuppet(home: string, path: string, uid?: number): void {
  const master = join(home, ".puppet");
  if (!existsSync(master)) {
    copyFileSync(puppetBinary(), master);
    chmodSync(master, 0o755);
    own(master, uid);
  }
  makeFolder(dirname(path), uid);
  if (!existsSync(path)) linkSync(master, path);
}

/** Puts sleep(1) at `path` with that owner and mode, as root; its path. */
export function sleepAt(path: string, owner: number, mode: number): string {
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync("/bin/sleep", path);
  chownSync(path, owner, owner);
  chmodSync(path, mode);
  return path;
}

/** Writes a file and the folders above it, all owned by `uid` when the caller is root. */
export function writeOwned(path: string, text: string, uid: number | undefined, mode: number): void {
  makeFolder(dirname(path), uid);
  writeFileSync(path, text, { mode });
  own(path, uid);
}

function makeFolder(path: string, uid: number | undefined): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path), uid);
  mkdirSync(path, { mode: 0o755 });
  own(path, uid);
}

function own(path: string, uid: number | undefined): void {
  if (uid !== undefined && process.getuid?.() === 0) chownSync(path, uid, uid);
}

import { puppetBinary } from "./puppet.ts";
