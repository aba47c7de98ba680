// What tests with real processes share.
import assert from "node:assert/strict";
import { chownSync, existsSync, mkdtempSync, realpathSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const isRoot = process.getuid?.() === 0;

/** An ordinary user that no account file needs to know. */
export const USER = 64001;

const homes: string[] = [];

/** A temporary home, owned by `uid` when the caller is root, removed when the test file ends. */
export function makeHome(uid?: number): string {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "reaper-home-")));
  homes.push(home);
  if (uid !== undefined && isRoot) chownSync(home, uid, uid);
  return home;
}

process.on("exit", removeHomes);

function removeHomes(): void {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
}

/** Removes a cgroup once whoever was in it is gone. */
export function removeCgroup(folder: string): Promise<void> {
  const isRemoved = (): boolean => {
    try {
      rmdirSync(folder);
    } catch {
      // Whoever just left it is still being buried.
    }
    return !existsSync(folder);
  };
  return eventually(isRemoved, `${folder} is empty`);
}

/** Waits until `check` holds; fails saying `what` never came about. */
export function eventually(check: () => boolean, what: string): Promise<void> {
  return until(() => assert.ok(check(), `never: ${what}`), { everyMs: 5 });
}

import { until } from "./until.ts";
