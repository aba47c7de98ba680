// Bundles the named test folders and runs them: `node scripts/test.mjs core shell`. Sources stay TypeScript and ESM;
// bundling replaces a loader, which Node 20 would start once per file.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { build } from "esbuild";
import { runWhereUsersCanRead } from "./public-checkout.mjs";

const bundleOnly = process.argv[2] === "--bundle-only";
const folders = process.argv.slice(bundleOnly ? 3 : 2);
const sources = folders.flatMap((name) => (name.endsWith(".ts") ? [name] : listTests(`test/${name}`)));
if (sources.length === 0) {
  console.error(`no test file under: ${folders.join(" ")}`);
  process.exit(1);
}
if (!bundleOnly) runWhereUsersCanRead(process.argv.slice(1));

function listTests(folder) {
  if (existsSync(`${folder}.test.ts`)) return [`${folder}.test.ts`];
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => `${folder}/${path}`);
}

// Two runs at once need two folders.
const out = process.env.TEST_OUT ?? "build/test";
rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: sources,
  outdir: out,
  outbase: "test",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  define: { PACKAGE_VERSION: JSON.stringify("test") },
  sourcemap: "inline",
  logLevel: "warning",
});
if (bundleOnly) process.exit(0);
const files = sources.map((source) => source.replace(/^test\//, `${out}/`).replace(/\.ts$/, ".mjs"));
const options = [
  "--enable-source-maps",
  "--test",
  // Node's own choice is one file less than there are processors; most files wait more than they compute.
  `--test-concurrency=${2 * availableParallelism()}`,
  // Only ends a test that hangs: a busy host takes many times what an idle one does.
  "--test-timeout=3600000",
];
const run = spawnSync(process.execPath, [...options, ...files], { stdio: "inherit" });
process.exit(run.status ?? 1);
