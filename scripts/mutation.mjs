// Measures how many mistakes the pure tests notice: StrykerJS changes the deciding rooms of src/core, one place at a
// time, and runs the tests that reach that place. `npm run mutation [-- ROOM…]`; the report is build/mutation/report.html.
// For a nightly run or by hand. StrykerJS is installed below build/, not with `npm ci`.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { ROOMS } from "./mutation-runner.mjs";

// 10.x needs Node.js 22.
const VERSION = "9.6.1";
/** Below this score the run fails. */
const BREAK = 90;

const home = resolve("build/stryker");
const rooms = process.argv.length > 2 ? process.argv.slice(2) : ROOMS;

run("npm", [
  "install",
  "--no-save",
  "--no-audit",
  "--no-fund",
  "--prefix",
  home,
  `@stryker-mutator/core@${VERSION}`,
]);
mkdirSync("build/mutation", { recursive: true });
const config = {
  mutate: rooms.map((room) => `src/core/${room}/*.ts`),
  testRunner: "pure",
  plugins: [resolve("scripts/mutation-runner.mjs")],
  coverageAnalysis: "perTest",
  // Its reader of tsconfig.json needs an older TypeScript; nothing here depends on it.
  tsconfigFile: "build/mutation/none.json",
  ignorePatterns: ["build", "dist", "bench", "docs", "packaging", "native", ".git"],
  tempDirName: "build/mutation/tmp",
  reporters: ["clear-text", "html", "json", "progress-append-only"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: "build/mutation/report.html" },
  jsonReporter: { fileName: "build/mutation/report.json" },
  thresholds: { high: 95, low: BREAK, break: BREAK },
  concurrency: Number(process.env.MUTATION_WORKERS ?? 2),
  // The runner stops what loops; this limit is for its own faults.
  timeoutMS: 600_000,
  // Text of reasons and messages does not decide.
  mutator: { excludedMutations: ["StringLiteral"] },
};
writeFileSync("build/mutation/stryker.json", `${JSON.stringify(config, null, 2)}\n`);
// Fewer simulated hosts than in the test run: each mutant runs them anew.
process.env.REAPER_HOSTS ??= "100";
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
