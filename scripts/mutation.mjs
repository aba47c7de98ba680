// Measures how many mistakes the pure tests notice: StrykerJS changes the deciding rooms of src/core, one place at a
// time, and runs the tests that reach that place. `npm run mutation [-- ROOM…]`; the report is build/mutation/report.html.
// For a nightly run or by hand: it takes tens of minutes. StrykerJS is installed below build/, not with `npm ci`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

// 10.x needs Node.js 22.
const VERSION = "9.6.1";
const ROOMS = ["evidence", "tree", "recognition", "verdict", "reap"];
/** Below this score the run fails. */
const BREAK = 90;

const home = resolve("build/stryker");
const runner = `${home}/node_modules/@stryker-mutator/tap-runner/dist/src/index.js`;
const rooms = process.argv.length > 2 ? process.argv.slice(2) : ROOMS;

run("npm", [
  "install",
  "--no-save",
  "--no-audit",
  "--no-fund",
  "--prefix",
  home,
  `@stryker-mutator/core@${VERSION}`,
  `@stryker-mutator/tap-runner@${VERSION}`,
]);
if (!existsSync(runner)) throw new Error(`the TAP runner was not installed at ${runner}`);
mkdirSync("build/mutation", { recursive: true });
const config = {
  mutate: rooms.map((room) => `src/core/${room}/*.ts`),
  testRunner: "tap",
  plugins: [runner],
  // The tests are bundled once, with every mutant in them; an environment variable chooses one.
  buildCommand: `node scripts/test.mjs --bundle-only ${ROOMS.map((room) => `core/${room}`).join(" ")}`,
  tap: {
    testFiles: ["build/test/core/**/*.mjs"],
    nodeArgs: ["--enable-source-maps", "--test-reporter=tap", "-r", "{{hookFile}}", "{{testFile}}"],
    forceBail: false,
  },
  coverageAnalysis: "perTest",
  // Its reader of tsconfig.json needs an older TypeScript; nothing here depends on it.
  tsconfigFile: "build/mutation/none.json",
  ignorePatterns: ["build", "dist", "bench", "docs", "packaging", "native", ".git"],
  tempDirName: "build/mutation/tmp",
  incremental: true,
  incrementalFile: "build/mutation/incremental.json",
  reporters: ["clear-text", "html", "json"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: "build/mutation/report.html" },
  jsonReporter: { fileName: "build/mutation/report.json" },
  thresholds: { high: 95, low: BREAK, break: BREAK },
  concurrency: 2,
  timeoutMS: 30_000,
  // Text of reasons and messages does not decide.
  mutator: { excludedMutations: ["StringLiteral"] },
  allowEmpty: false,
};
writeFileSync("build/mutation/stryker.json", `${JSON.stringify(config, null, 2)}\n`);
// Fewer simulated hosts than in the test run: each mutant runs them anew.
process.env.REAPER_TRIALS ??= "300";
run(process.execPath, [
  `${home}/node_modules/@stryker-mutator/core/bin/stryker.js`,
  "run",
  "build/mutation/stryker.json",
]);

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
