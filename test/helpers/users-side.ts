// What the tests of the users' side share: folders as the package makes them, users, a configuration without a grace.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { beforeEach, describe } from "node:test";

export const uid = USER;
export const other = USER + 1;
export const HOUR = 3_600_000;
export const STATE = "/var/lib/vscode-grim-reaper";
export const LOGS = "/var/log/vscode-grim-reaper";
export const NOTICE = `${STATE}/notices/${uid}`;

/** Runs a program that must succeed, as root or as `uid`; returns its output. */
export function must(argv: readonly [string, ...string[]], options: { uid?: number } = {}): string {
  const identity = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  const { status, stdout, stderr } = spawnSync(argv[0], argv.slice(1), { encoding: "utf8", ...identity });
  assert.equal(status, 0, `${argv.join(" ")}: ${stderr}`);
  return stdout;
}

/** Starts a server tree of one process. */
export const server = (owner = uid): Promise<Stage> => startTree(bareServer(makeHome(owner), owner));

/** Runs the program as a user. */
export const as = (who: number, ...args: string[]): Ran => run(args, { uid: who });

/** Runs a suite in a pid and mount namespace of its own, with empty state folders before each test. */
export function usersSuite(testFile: string, name: string, suite: () => void): void {
  insidePidNamespace(testFile, name, () =>
    describe(name, () => {
      beforeEach(() => {
        for (const folder of [STATE, LOGS]) rmSync(folder, { recursive: true, force: true });
      });
      suite();
    }),
  );
}

import { bareServer } from "./ide-trees.ts";
import { type Ran, run } from "./program.ts";
import { type Stage, startTree } from "./puppet.ts";
import { makeHome, USER } from "./real.ts";
import { insidePidNamespace } from "./sandbox.ts";
