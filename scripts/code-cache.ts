// Runs the built program so that V8 has compiled what a sweep needs, and keeps that: code-cache PROGRAM CACHE.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { setFlagsFromString } from "node:v8";
import { buildOf, compile } from "../src/compile.ts";

const [file = "", cache = ""] = process.argv.slice(2).map((path) => resolve(path));
const text = readFileSync(file, "latin1");
const id = buildOf(text);
if (id === null) throw new Error(`${file} does not say what build it is`);
// V8 drops what has not run for some collections of garbage, and refuses a cache that was made with other flags.
setFlagsFromString("--no-flush-bytecode");
const script = compile(file, null);

// Neither changes anything on this host, where there may be no tree to judge. What other commands need besides would
// make the cache larger, and with it the start of every sweep slower.
const runs = [
  ["replay", "--json", "--format", "ps", "test/fixtures/ps-listings/06-hpc-login-node-multiuser-mixed.tsv"],
  ["sweep", "--dry-run", "--log", "/dev/null"],
];

// Emitted when a run has nothing left to do.
process.on("beforeExit", () => {
  const run = runs.shift();
  if (run !== undefined) return start(run);
  setFlagsFromString("--flush-bytecode");
  writeFileSync(cache, Buffer.concat([Buffer.from(id, "latin1"), script.createCachedData()]));
  process.exit(0);
});

function start(run: readonly string[]): void {
  process.argv = [process.execPath, file, ...run];
  script.runInThisContext()({}, createRequire(file), { exports: {} }, file, dirname(file));
  // Work of its own for the loop, or it would not be found empty again.
  setImmediate(() => {});
}
