// Builds the addon and the hook with cmake-js: `node scripts/build-native.mjs [--install]`. Checks first that the machine
// has what a build needs; --install, or REAPER_INSTALL_DEPS=1, lets root install it.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isWholeBuild, prepareTools } from "./tools.mjs";

const FOLDER = "build";
const STAMP = join(FOLDER, "configured");
// What CMake leaves in build/ itself; tests and packages have folders of their own beside it.
const CMAKE_FILES =
  /^(?:CMake.*|cmake_install\.cmake|build\.ninja|\.ninja.*|Makefile|compile_commands\.json|configured)$/;

if (!prepareTools(process.argv.includes("--install") || process.env.REAPER_INSTALL_DEPS === "1"))
  process.exit(1);
// CMake keeps what a configuration without a compiler found, so such a folder would fail for ever, and one that was
// configured in another place as well. The stamp says that a build here has succeeded.
if (!isWholeBuild(FOLDER, STAMP)) discard();

const run = spawnSync(
  process.execPath,
  [
    cmakeJs(),
    "build",
    "--log-level",
    "error",
    ...process.argv.slice(2).filter((word) => word !== "--install"),
  ],
  {
    stdio: "inherit",
  },
);
if (run.status === 0) writeFileSync(STAMP, "");
process.exit(run.status ?? 1);

function discard() {
  mkdirSync(FOLDER, { recursive: true });
  for (const name of readdirSync(FOLDER))
    if (CMAKE_FILES.test(name)) rmSync(join(FOLDER, name), { recursive: true, force: true });
}

/** The script that npm would start as `cmake-js`. */
function cmakeJs() {
  const require = createRequire(join(process.cwd(), "package.json"));
  try {
    return join(dirname(require.resolve("cmake-js/package.json")), "bin/cmake-js");
  } catch {
    console.error("the packages of this checkout are not installed; run: npm ci");
    process.exit(1);
  }
}
