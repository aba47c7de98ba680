// Makes dist/: the command vscode-grim-reaper.cjs, the bundles that it starts, and the native parts beside them:
// `node scripts/bundle.mjs [FOLDER]`. REAPER_VERSION is the version that the program prints, if not package.json's.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { build } from "esbuild";
import { BUNDLES, optionsOf } from "./bundles.mjs";

const version = process.env.REAPER_VERSION ?? JSON.parse(readFileSync("package.json", "utf8")).version;
const folder = process.argv[2] ?? "dist";

mkdirSync(folder, { recursive: true });
for (const bundle of BUNDLES)
  await build({ ...optionsOf(bundle, version), outfile: `${folder}/${bundle.name}` });
chmodSync(`${folder}/vscode-grim-reaper.cjs`, 0o755);
replace("build/Release/reaper_native.node", `${folder}/reaper_native.node`);
replace("build/session-close", `${folder}/session-close`);
replace("build/keep", `${folder}/keep`);
replace("build/launcher", `${folder}/launcher`);

// Guard: a process that has the old file loaded keeps it; overwriting it in place would change running code.
function replace(source, target) {
  copyFileSync(source, `${target}.new`);
  renameSync(`${target}.new`, target);
}
