// What the tests of the users' side share: folders as the package makes them, users, a configuration without a grace.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, test } from "node:test";

export const uid = USER;
export const other = USER + 1;
export const HOUR = 3_600_000;
export const STATE = "/var/lib/vscode-grim-reaper";
export const NOTICE = `${STATE}/notices/${uid}`;

/** A configuration file without a grace period, and what else is given. */
export const config = (more = ""): string => {
  const file = temporaryFile("config.toml", `settle = "0s"\ngrace = "0"\ntermWait = "1s"\n${more}`);
  chmodSync(join(file, ".."), 0o755);
  return file;
};

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
  const sandbox = inPidNamespace(testFile);
  if (!sandbox.inside) {
    test(`${name} inside a pid namespace`, { skip: sandbox.skip }, async (t) => {
      const { passed } = await sandbox.run();
      t.diagnostic(`${passed} tests passed inside`);
    });
    return;
  }
  freshState();
  describe(name, () => {
    beforeEach(() => {
      rmSync(STATE, { recursive: true, force: true });
    });
    suite();
  });
}

import { bareServer } from "./ide-trees.ts";
import { type Ran, run, temporaryFile } from "./program.ts";
import { type Stage, startTree } from "./puppet.ts";
import { makeHome, USER } from "./real.ts";
import { freshState, inPidNamespace } from "./sandbox.ts";
