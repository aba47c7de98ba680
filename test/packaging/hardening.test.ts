/** How the programs that are shipped are linked and compiled, read from the files themselves. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/** The checkout's own build, and the packages' where they were built. */
const FOLDERS = ["dist", "build/packages/native-amd64/out", "build/packages/native-arm64/out"].filter(
  (folder) => existsSync(join(folder, "session-close")),
);

const readelf = (...args: string[]): string => execFileSync("readelf", ["-W", ...args], { encoding: "utf8" });

test("there is something to read", () => assert.ok(FOLDERS.includes("dist"), "run: npm run build"));

// What leaves no mark in the files: a fortified call whose length the compiler can check has no symbol, and the start-up
// objects of Debian's compiler have no note of control-flow protection, which takes the note away from all.
const NINJAS = ["build/build.ninja", "build/packages/native-amd64/cmake/build.ninja"].filter(existsSync);
const skip = NINJAS.length === 0 && "built without ninja";
test("every source has fortified calls, and control-flow protection where the compiler has it", {
  skip,
}, () => {
  for (const ninja of NINJAS) {
    const flags = readFileSync(ninja, "utf8").match(/^ {2}FLAGS = .* -std=.*$/gm) ?? [];
    assert.ok(flags.length >= 25, `${ninja}: ${flags.length}`);
    for (const line of flags) {
      assert.match(line, /-O[23] .*-D_FORTIFY_SOURCE=[23]/, ninja);
      if (process.arch === "x64") assert.match(line, /-fcf-protection=full/, ninja);
    }
  }
});

for (const folder of FOLDERS) {
  const addon = join(folder, "reaper_native.node");
  const programs = ["session-close", "keep", "launcher"].map((name) => join(folder, name));

  for (const program of programs)
    test(`${program}: no library, an address of its own at each start`, () => {
      assert.match(readelf("-h", program), /Type:\s+DYN/);
      const headers = readelf("-l", program);
      assert.doesNotMatch(headers, /INTERP/);
      assert.doesNotMatch(readelf("-d", program), /\(NEEDED\)/);
    });

  for (const file of [addon, ...programs])
    test(`${file}: relocations are read-only, no stack is executable, nothing is both written and run`, () => {
      const headers = readelf("-l", file);
      assert.match(headers, /^ *GNU_RELRO /m);
      assert.match(headers, /^ *GNU_STACK .* RW +0x/m);
      assert.doesNotMatch(headers, /^ *LOAD .* RWE /m);
      assert.match(readelf("-d", file), /BIND_NOW|FLAGS_1\).*NOW/);
    });

  test(`${addon}: stack protector`, () => {
    assert.match(readelf("--dyn-syms", addon), /__stack_chk_fail/);
  });
}
