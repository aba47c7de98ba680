// Runs the pure tests within StrykerJS's own worker: a mutant costs milliseconds instead of a start of Node per test file.
// Each test file is bundled once, with every mutant in it; a global variable chooses one.
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { Script } from "node:vm";
import { build } from "esbuild";

/** The rooms of src/core that decide what is ended. */
export const ROOMS = ["evidence", "tree", "recognition", "verdict", "reap"];

const COLLECT = "export const test = (name, run) => globalThis.collectTest(name, run); export default test;";

/** Longer than any test takes on a busy host, apart from those that take long at the first run. */
const LOOP_MS = 10_000;
const SLOW = /nested-chain|simulator/;
const RUN_TEST = new Script("globalThis.runTest()");

class PureTestRunner {
  #files = [];
  #stryker;

  capabilities() {
    return { reloadEnvironment: true };
  }

  async init() {
    this.#stryker = globalThis.__stryker__ ??= {};
    const { outputFiles } = await build({
      // StrykerJS has changed the folder since esbuild was loaded.
      absWorkingDir: process.cwd(),
      entryPoints: readdirSync("test/core", { recursive: true })
        .filter((path) => path.endsWith(".test.ts"))
        .map((path) => `test/core/${path}`),
      outdir: "build/test",
      outbase: "test/core",
      bundle: true,
      write: false,
      platform: "node",
      format: "cjs",
      packages: "external",
      define: { PACKAGE_VERSION: '"test"' },
      plugins: [
        {
          name: "collect",
          setup({ onResolve, onLoad }) {
            onResolve({ filter: /^node:test$/ }, () => ({ path: "test", namespace: "collect" }));
            onLoad({ filter: /.*/, namespace: "collect" }, () => ({ contents: COLLECT }));
          },
        },
      ],
    });
    const require = createRequire(`${process.cwd()}/`);
    const perTest = {};
    this.#stryker.mutantCoverage = { static: {}, perTest };
    for (const { path, text } of outputFiles) {
      const script = new Script(`(function (require, module, exports) {${text}\n})`, { filename: path });
      const run = script.runInThisContext();
      const name = path.slice(`${process.cwd()}/build/test/`.length);
      const load = () => collect(name, () => run(require, { exports: {} }, {}));
      this.#stryker.currentTestId = name;
      const tests = load();
      this.#files.push({ name, load, tests, whileLoading: perTest[name] ?? {}, limits: new Map() });
      delete perTest[name];
    }
    this.#stryker.currentTestId = undefined;
  }

  /** Mutants that a test file's own loading reaches count as reached by each of its tests. */
  async dryRun() {
    const all = [];
    const { perTest } = this.#stryker.mutantCoverage;
    for (const file of this.#files) {
      for (const test of file.tests) {
        this.#stryker.currentTestId = test.id;
        const start = performance.now();
        const failure = await failureOf(test.run, 600_000);
        const timeSpentMs = performance.now() - start;
        file.limits.set(test.id, LOOP_MS + Math.ceil(5 * timeSpentMs));
        perTest[test.id] = { ...file.whileLoading, ...perTest[test.id] };
        const { id, name } = test;
        all.push({ id, name, timeSpentMs, status: failure ? 1 : 0, failureMessage: failure?.message });
      }
    }
    this.#stryker.currentTestId = undefined;
    return { status: "complete", tests: all, mutantCoverage: this.#stryker.mutantCoverage };
  }

  async mutantRun({ activeMutant, testFilter }) {
    const wanted = new Set(testFilter);
    const stryker = this.#stryker;
    let nrOfTests = 0;
    const result = (id, { message: failureMessage, code }) =>
      code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
        ? { status: "timeout" }
        : { status: "killed", killedBy: [id], failureMessage, nrOfTests };
    stryker.activeMutant = activeMutant.id;
    try {
      for (const file of nearest(this.#files, activeMutant.fileName)) {
        const ids = file.tests.map(({ id }) => id).filter((id) => wanted.has(id));
        if (ids.length === 0) continue;
        let tests = file.tests;
        if (activeMutant.id in file.whileLoading) {
          const load = () => {
            tests = file.load();
          };
          const failure = await failureOf(load, LOOP_MS);
          if (failure) return result(ids[0], failure);
        }
        for (const { id, run } of tests) {
          if (!wanted.has(id)) continue;
          nrOfTests++;
          const failure = await failureOf(run, file.limits.get(id) ?? 3 * LOOP_MS);
          if (failure) return result(id, failure);
        }
      }
      return { status: "survived", nrOfTests };
    } finally {
      stryker.activeMutant = undefined;
    }
  }
}

/** The files of the mutant's own room first, for most mutants need no other, and last those that take seconds. */
function nearest(files, mutated) {
  const room = mutated.split("/").at(-2);
  const rank = ({ name }) => (SLOW.test(name) ? 2 : name.startsWith(`${room}/`) ? 0 : 1);
  return files.toSorted((a, b) => rank(a) - rank(b));
}

/** The tests that a file defines. */
function collect(file, load) {
  const tests = [];
  globalThis.collectTest = (name, run) => tests.push({ id: `${file} ${name}`, name, run });
  load();
  return tests;
}

/** What a function fails with, or undefined. A mutant that loops is stopped, so that the worker lives. */
async function failureOf(run, timeout) {
  let failure;
  globalThis.runTest = async () => {
    try {
      await run({ diagnostic() {} });
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
  };
  try {
    await RUN_TEST.runInThisContext({ timeout });
  } catch (error) {
    if (error.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    failure = error;
  }
  return failure;
}

export const strykerPlugins = [{ kind: "TestRunner", name: "pure", injectableClass: PureTestRunner }];
