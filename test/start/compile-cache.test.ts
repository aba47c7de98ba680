// The starter: which folder Node may keep compiled code in, and that the environment does not choose it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { cacheFolder } from "../../src/start/compile-cache.ts";
import { temporaryFolder } from "../helpers/program.ts";
import { isRoot, USER } from "../helpers/real.ts";

const work = temporaryFolder();

function folder(name: string, mode = 0o700): string {
  const path = join(work, name);
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

test("the service's own folder is taken, and no other that the environment names", () => {
  const own = folder("own");
  assert.equal(cacheFolder(own, own), own);
  assert.equal(cacheFolder(undefined, own), null);
  assert.equal(cacheFolder(folder("other"), own), null);
  assert.equal(cacheFolder(`${own}/`, own), null);
});

test("a missing folder, a link, and one that others can enter are refused", () => {
  const missing = join(work, "missing");
  assert.equal(cacheFolder(missing, missing), null);
  const link = join(work, "link");
  symlinkSync(folder("target"), link);
  assert.equal(cacheFolder(link, link), null);
  const open = folder("open", 0o711);
  assert.equal(cacheFolder(open, open), null);
});

test("another user's folder is refused", { skip: isRoot ? false : "root only: changes the owner" }, () => {
  const theirs = folder("theirs");
  chownSync(theirs, USER, USER);
  assert.equal(cacheFolder(theirs, theirs), null);
});

test("the program starts from any folder and writes nothing where CACHE_DIRECTORY points", () => {
  const chosen = folder("chosen");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [resolve("dist/vscode-grim-reaper.cjs"), "--version"],
    { encoding: "utf8", cwd: "/", env: { PATH: process.env.PATH, CACHE_DIRECTORY: chosen } },
  );
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/, stderr);
  assert.equal(status, 0);
  assert.deepEqual(readdirSync(chosen), []);
});
