// The starter and its code cache: whatever becomes of the cache, it is the same program that runs.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Script } from "node:vm";

const folder = mkdtempSync(join(tmpdir(), "reaper-start-"));
after(() => rmSync(folder, { recursive: true }));
const program = join(folder, "program.cjs");
const cache = join(folder, "program.cache");
for (const name of ["vscode-grim-reaper.cjs", "program.cjs", "program.cache", "reaper_native.node"])
  copyFileSync(join("dist", name), join(folder, name));
const whole = readFileSync(cache);
const text = readFileSync(program, "latin1");
const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

function showsVersion(...flags: string[]): void {
  const args = [...flags, join(folder, "vscode-grim-reaper.cjs"), "--version"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: "/" });
  assert.equal(stdout, `${version}\n`, stderr);
  assert.equal(stderr, "");
  assert.equal(status, 0);
}

test("the built cache is of the built program, and taken", () => {
  assert.equal(whole.subarray(0, 64).toString(), buildOf(text));
  assert.equal(compile(program, whole).cachedDataRejected, false);
  showsVersion();
});

test("without a cache, with half of one, or with other flags it starts all the same", () => {
  writeFileSync(cache, whole.subarray(0, whole.length / 2));
  assert.equal(compile(program, readFileSync(cache)).cachedDataRejected, true);
  showsVersion();
  writeFileSync(cache, "");
  showsVersion();
  rmSync(cache);
  showsVersion();
  writeFileSync(cache, whole);
  showsVersion("--no-opt");
});

test("a cache of another program of the same length is not taken", () => {
  const one = 'globalThis.answer = "one";\n';
  const two = one.replace("one", "two");
  const build = (id: string): string => `//# build ${id.repeat(64)}\n`;
  const script = (body: string): Script =>
    new Script(`(function (exports, require, module, __filename, __dirname) {${body}\n})`);
  const old = Buffer.concat([Buffer.from("1".repeat(64)), script(one + build("1")).createCachedData()]);
  const file = join(folder, "other.cjs");
  writeFileSync(file, two + build("2"));
  assert.equal(compile(file, old).cachedDataRejected, undefined);
  writeFileSync(file, two);
  assert.equal(compile(file, old).cachedDataRejected, undefined);
});

import { buildOf, compile } from "../../src/start/code-cache.ts";
