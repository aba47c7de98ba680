// npm run bench [-- --quick] [--sizes 150,1000] [--check] [--baseline]      as root, built, with sh scripts/ctest.sh run
//   without options   measures everything and writes bench/README.md and bench/cost.svg
//   --check           writes nothing; fails when a ratio is worse than 1.25 times that of bench/baseline.json
//   --baseline        writes bench/baseline.json, too
//   --quick           fewer runs, and no host of 30,000 processes
//   --sizes           hosts of these sizes; prints only
// The hosts live in pid, mount, network and cgroup folders of their own and are gone afterwards.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    sizes: { type: "string" },
    check: { type: "boolean", default: false },
    baseline: { type: "boolean", default: false },
  },
});
const sizes =
  values.sizes?.split(",").map(Number) ?? (values.quick ? [150, 1000, 10000] : [150, 1000, 10000, 30000]);
if (sizes.some((size) => !(size >= 20)))
  throw new Error("--sizes takes numbers of processes, 20 and more: 150,1000");
if (process.getuid() !== 0) throw new Error("needs root: it makes namespaces and users' processes");

const puppet = resolve(process.env.REAPER_PUPPET ?? "build/core/native/test/puppet");
const work = mkdtempSync(join(tmpdir(), "bench-"));
let status = 1;
try {
  await build({
    entryPoints: ["bench/inside.ts", "bench/publish.ts"],
    outdir: work,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
  });
  const flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-static"];
  for (const name of ["stopwatch", "floor", "sockets"])
    execFileSync("c++", [...flags, "-o", join(work, name), `bench/native/${name}.cc`]);
  copyFileSync(puppet, join(work, "puppet"));
  cpSync("dist", join(work, "dist"), { recursive: true });
  status = measure(join(work, "results.json"));
  if (status === 0) {
    const results = JSON.parse(readFileSync(join(work, "results.json"), "utf8"));
    const { publish, check } = await import(join(work, "publish.mjs"));
    if (values.check) status = check(results) ? 0 : 1;
    else publish(results, { files: values.sizes === undefined, baseline: values.baseline });
  }
} finally {
  rmSync(work, { recursive: true });
}
process.exit(status);

function measure(output) {
  const inside = [
    "--mount",
    "--propagation",
    "private",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
  ];
  const plan = JSON.stringify({ sizes, quick: values.quick });
  const command = [join(work, "puppet"), "--init", process.execPath, join(work, "inside.mjs"), plan, output];
  // Certificates have nothing to do with it, and Node would read them at each start.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const run = spawnSync("unshare", [...inside, ...command], {
    stdio: "inherit",
    env: { ...env, BENCH_WORK: work, REAPER_PUPPET: join(work, "puppet") },
  });
  return run.status ?? 1;
}
