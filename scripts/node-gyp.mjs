// Builds the addon with node-gyp in a copy of the tree, so that build/ stays cmake-js's, and checks that it exports
// the same names: `node scripts/node-gyp.mjs`. Both builders read binding.gyp.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";

const require = createRequire(import.meta.url);
const tree = resolve(dirname(process.argv[1]), "..");
const reference = join(tree, "build/Release/reaper_native.node");

function fail(message) {
  console.error(`node-gyp: ${message}`);
  process.exit(1);
}

// npm ships a node-gyp; `npm` on PATH is a link into its folder, next to Node or elsewhere (Debian).
function findNodeGyp() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const homes = [join(prefix, "lib/node_modules/npm"), "/usr/share/nodejs/npm", "/usr/lib/node_modules/npm"];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const npm = join(folder, "npm");
    if (folder && existsSync(npm)) homes.push(dirname(dirname(realpathSync(npm))));
  }
  for (const home of homes) {
    const script = join(home, "node_modules/node-gyp/bin/node-gyp.js");
    if (existsSync(script)) return [process.execPath, script];
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter))
    if (folder && existsSync(join(folder, "node-gyp"))) return [join(folder, "node-gyp")];
  return fail("not found: neither npm's own nor one on PATH");
}

// Uses the headers that came with this Node, if any, instead of a download.
function localHeaders() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const header = join(prefix, "include/node/node_version.h");
  if (!existsSync(header)) return undefined;
  const text = readFileSync(header, "utf8");
  const part = (name) => text.match(new RegExp(`#define NODE_${name}_VERSION (\\d+)`))?.[1];
  const version = ["MAJOR", "MINOR", "PATCH"].map(part).join(".");
  return version === process.versions.node ? prefix : undefined;
}

if (!existsSync(reference)) fail(`no ${reference} to compare with; run: npm run build:native`);
const [command, ...first] = findNodeGyp();
const nodedir = localHeaders();
const copy = mkdtempSync(join(tmpdir(), "reaper-gyp-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
for (const name of ["binding.gyp", "package.json", "native"])
  cpSync(join(tree, name), join(copy, name), { recursive: true });
symlinkSync(join(tree, "node_modules"), join(copy, "node_modules"));

const run = spawnSync(command, [...first, "rebuild", "--silent"], {
  cwd: copy,
  encoding: "utf8",
  env: { ...process.env, ...(nodedir && { npm_config_nodedir: nodedir }) },
});
if (run.status !== 0) fail(`the build failed\n${run.error ?? ""}${run.stdout}${run.stderr}`);
const names = (path) => Object.keys(require(path)).sort().join(" ");
const built = names(join(copy, "build/Release/reaper_native.node"));
if (built !== names(reference)) fail(`exports ${built}, but cmake-js's exports ${names(reference)}`);
console.log(`node-gyp: built for Node ${process.versions.node}, exports ${built}`);
