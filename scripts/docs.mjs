// Generates what comes from the program itself: the tables of the documents, dist/man and dist/completions.
// `node scripts/docs.mjs --check` changes nothing and fails if a committed file has drifted.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
await build({
  entryPoints: ["scripts/docs/main.ts"],
  outfile: "build/docs/main.mjs",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  define: { PACKAGE_VERSION: JSON.stringify(version) },
  logLevel: "warning",
});
process.exit(
  spawnSync(process.execPath, ["build/docs/main.mjs", ...process.argv.slice(2)], { stdio: "inherit" })
    .status ?? 1,
);
