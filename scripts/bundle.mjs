// Makes dist/: the starter vscode-grim-reaper.cjs, the program as one CommonJS file, and the native parts beside them:
// `node scripts/bundle.mjs [FOLDER]`. REAPER_VERSION is the version that the program prints, if not package.json's.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { build } from "esbuild";

const version = process.env.REAPER_VERSION ?? JSON.parse(readFileSync("package.json", "utf8")).version;
const folder = process.argv[2] ?? "dist";
const PROGRAM = `${folder}/vscode-grim-reaper.cjs`;

mkdirSync(folder, { recursive: true });
for (const [entry, outfile, banner] of [
  ["src/start/bin.ts", PROGRAM, "#!/usr/bin/env node"],
  ["src/start/program.ts", `${folder}/program.cjs`, ""],
])
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    banner: { js: banner },
    define: { PACKAGE_VERSION: JSON.stringify(version), "import.meta.url": "undefined" },
    legalComments: "inline",
    logLevel: "warning",
  });
chmodSync(PROGRAM, 0o755);
replace("build/Release/reaper_native.node", `${folder}/reaper_native.node`);
replace("build/session-close", `${folder}/session-close`);
replace("build/keep", `${folder}/keep`);
replace("build/launcher", `${folder}/launcher`);

// Guard: a process that has the old file loaded keeps it; overwriting it in place would change running code.
function replace(source, target) {
  copyFileSync(source, `${target}.new`);
  renameSync(`${target}.new`, target);
}
