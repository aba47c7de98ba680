// Prints what of npm's modules is bundled into dist/*.cjs: `third-party.mjs licences | provides | expression`, in the checkout.
// `licences`: their texts; `provides`: a tag of the spec for each; `expression`: the licence of the binaries, for the spec.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { BUNDLES, optionsOf } from "../scripts/bundles.mjs";

// Static in the native parts: the C library, and the C++ library with the compiler's own.
const RUNTIMES = ["LGPL-2.1-or-later", "(GPL-3.0-or-later WITH GCC-exception-3.1)"];

const folders = new Set();
for (const bundle of BUNDLES) {
  const { metafile } = await build({ ...optionsOf(bundle, ""), metafile: true, write: false });
  for (const path of Object.keys(metafile.inputs)) {
    const [folder] = /.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
    if (folder !== undefined) folders.add(folder);
  }
}
const modules = [...folders].sort().map((folder) => ({
  folder,
  ...JSON.parse(readFileSync(join(folder, "package.json"), "utf8")),
}));

const [what] = process.argv.slice(2);
if (what === "provides")
  for (const { name, version } of modules) console.log(`Provides: bundled(npm(${name})) = ${version}`);
else if (what === "expression")
  console.log([...new Set(["MIT", ...modules.map(({ license }) => license)]), ...RUNTIMES].join(" AND "));
else if (what === "licences") {
  console.log(
    "The program holds parts of the modules below; the native parts hold the GNU C and C++ libraries",
  );
  console.log("(LGPL-2.1-or-later; GPL-3.0-or-later with the GCC runtime library exception).");
  for (const { folder, name, version, license } of modules) {
    const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
    console.log(`\n${"=".repeat(80)}\n${name} ${version} (${license})\n`);
    console.log(file ? readFileSync(join(folder, file), "utf8").trim() : "No licence text comes with it.");
  }
} else throw new Error("third-party.mjs: licences, provides or expression");
