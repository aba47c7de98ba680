// Prints how many lines there are to read, and the goal: `npm run size`. With --list it names what the service loads.
// With --check it fails where there are more than the bound, which is what has been reached and only ever falls.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { BUNDLES, optionsOf } from "./bundles.mjs";

const tracked = execFileSync("git", ["ls-files", "-z", "src", "native", "test"], { encoding: "utf8" })
  .split("\0")
  .filter((path) => path !== "");

/** What the service loads: the command and the sweep, from what esbuild put into their bundles. */
const loaded = new Set();
for (const bundle of BUNDLES.filter(({ name }) => name !== "tools.cjs")) {
  const { metafile } = await build({ ...optionsOf(bundle, "size"), metafile: true, write: false });
  for (const path of Object.keys(metafile.inputs)) if (path.startsWith("src/")) loaded.add(path);
}

if (process.argv.includes("--list")) console.log([...loaded].join("\n"));

const source = (path) => /\.(?:ts|cc|h)$/.test(path);
const below = (...folders) =>
  tracked.filter((path) => source(path) && folders.some((folder) => path.startsWith(`${folder}/`)));
const rows = [
  ["TypeScript that the service loads", [...loaded].filter(source), 6925, 7000],
  ["native/core and native/addon", below("native/core", "native/addon"), 3715, 3300],
  ["native/hook", below("native/hook"), 710, 800],
  [
    "src and native, without native/test",
    below("src", "native").filter((path) => !path.startsWith("native/test/")),
    14805,
    15000,
  ],
  ["tests in TypeScript", below("test").filter((path) => path.endsWith(".ts")), 18595, 19000],
];

let missed = 0;
for (const [what, files, bound, goal] of rows) {
  const lines = files.reduce((sum, path) => sum + readFileSync(path, "utf8").split("\n").length - 1, 0);
  if (lines > bound) missed += 1;
  const verdict = lines > bound ? `  ${lines - bound} more than the bound of ${bound}` : "";
  console.log(`${String(lines).padStart(6)}  goal ${String(goal).padStart(5)}  ${what}${verdict}`);
}
if (process.argv.includes("--check") && missed > 0) process.exit(1);
