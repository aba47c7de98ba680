// Runs the built program so that V8 has compiled what a sweep needs, and keeps that: code-cache PROGRAM CACHE. The
// package's own installation does it for the host's Node; warm-up.tsv and warm-up.toml lie beside this file.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { setFlagsFromString } from "node:v8";

const [file = "", cache = ""] = process.argv.slice(2).map((path) => resolve(path));
const listing = join(__dirname, "warm-up.tsv");
const config = join(__dirname, "warm-up.toml");
const text = readFileSync(file, "latin1");
const id = buildOf(text);
if (id === null) throw new Error(`${file} does not say what build it is`);
// V8 drops what has not run for some collections of garbage, and refuses a cache that was made with other flags.
setFlagsFromString("--no-flush-bytecode");
const script = compile(file, null);

// Neither changes anything on this host, where there may be no tree to judge. What other commands need besides would
// make the cache larger, and with it the start of every sweep slower.
const runs = [
  ["sweep", "--dry-run", "--config", config, "--log", "/dev/null"],
  ["replay", "--json", "--config", config, "--format", "ps", listing],
];

// Emitted when a run has nothing left to do.
process.on("beforeExit", () => {
  const run = runs.shift();
  if (run !== undefined) return start(run);
  // The last run asks nothing of the host: when it fails, the program does not work, or a file beside this one is gone.
  if (process.exitCode !== 0) throw new Error(`replay ended with ${process.exitCode}`);
  setFlagsFromString("--flush-bytecode");
  // On the disk before it gets its name: V8 does not notice when a part is missing.
  writeFileSync(cache, Buffer.concat([Buffer.from(id, "latin1"), script.createCachedData()]), {
    flush: true,
  });
  process.exit(0);
});

function start(run: readonly string[]): void {
  process.argv = [process.execPath, file, ...run];
  script.runInThisContext()({}, createRequire(file), { exports: {} }, file, dirname(file));
  // Work of its own for the loop, or it would not be found empty again.
  setImmediate(() => {});
}

import { buildOf, compile } from "../src/start/code-cache.ts";
