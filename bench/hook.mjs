// The cost of the session-close hook beside /bin/true, both started as pam_exec starts a program:
//   node bench/hook.mjs [RUNS]       as root, built (npm run build; sh scripts/ctest.sh); default 200 runs
// The host of sleeping processes lives in pid, mount and cgroup folders of its own and is gone afterwards.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const work = mkdtempSync(join(tmpdir(), "bench-hook-"));
// The users' programs lie there.
chmodSync(work, 0o755);
let status = 1;
try {
  await build({
    entryPoints: ["bench/hook/hook.ts"],
    outfile: `${work}/hook.mjs`,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
  });
  execFileSync("c++", ["-std=c++17", "-O2", "-static", "-o", `${work}/pam_exec`, "bench/hook/pam_exec.cc"]);
  const inside = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const puppet = resolve("build/core/native/test/puppet");
  const command = [puppet, "--init", process.execPath, `${work}/hook.mjs`, work, process.argv[2] ?? "200"];
  // Certificates have nothing to do with it, and Node would read them at each start.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  status = spawnSync("unshare", [...inside, ...command], { stdio: "inherit", env }).status ?? 1;
} finally {
  rmSync(work, { recursive: true });
}
process.exit(status);
