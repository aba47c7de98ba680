// Prints the licences of the modules that are bundled into dist/*.cjs: `third-party.mjs DIST`. Run in the checkout.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [dist] = process.argv.slice(2);
// esbuild names each module's file above its text.
const folders = new Set();
for (const name of readdirSync(dist).filter((name) => name.endsWith(".cjs")))
  for (const [, folder] of readFileSync(join(dist, name), "utf8").matchAll(
    /^\/\/ (.*\bnode_modules\/(?:@[^/\n]+\/)?[^/\n]+)/gm,
  ))
    folders.add(folder);
if (folders.size === 0) throw new Error(`${dist}: no bundled module is named; is it minified?`);

console.log(
  "The program holds parts of the modules below; the native parts hold the GNU C and C++ libraries",
);
console.log("(LGPL-2.1-or-later; GPL-3.0-or-later with the GCC runtime library exception).");
for (const folder of [...folders].sort()) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
  console.log(`\n${"=".repeat(80)}\n${name} ${version} (${license})\n`);
  console.log(file ? readFileSync(join(folder, file), "utf8").trim() : "No licence text comes with it.");
}
