// Runs the pure tests within StrykerJS's own worker: a mutant costs milliseconds instead of a start of Node per test file.
// The tests are bundled once, with every mutant in them; a global variable chooses one.
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { Script } from "node:vm";
import { build } from "esbuild";

/** The rooms of src/core that decide what is ended. */
export const ROOMS = ["evidence", "tree", "recognition", "verdict", "reap"];

const COLLECT = "export const test = (name, run) => globalThis.collectTest(name, run); export default test;";

class PureTestRunner {
  #load;
  #tests = [];
  #stryker;

  capabilities() {
    return { reloadEnvironment: true };
  }

  async init() {
    this.#stryker = globalThis.__stryker__ ??= {};
    const files = ROOMS.flatMap((room) =>
      readdirSync(`test/core/${room}`).map((file) => `test/core/${room}/${file}`),
    );
    const { outputFiles } = await build({
      stdin: {
        contents: files.map((file) => `globalThis.testFile = "${file}"; require("./${file}");`).join("\n"),
        resolveDir: process.cwd(),
      },
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
    const script = new Script(`(function (require, module, exports) {${outputFiles[0].text}\n})`);
    this.#load = script.runInThisContext();
    this.#reload();
  }

  #reload() {
    const times = new Map(this.#tests.map(({ id, timeSpentMs }) => [id, timeSpentMs]));
    this.#tests = [];
    globalThis.collectTest = (name, run) => {
      const id = `${globalThis.testFile} ${name}`;
      this.#tests.push({ id, name, fileName: globalThis.testFile, run, timeSpentMs: times.get(id) ?? 0 });
    };
    const module = { exports: {} };
    this.#load(createRequire(`${process.cwd()}/`), module, module.exports);
    // The fastest first: most mutants need no other.
    this.#tests.sort((a, b) => a.timeSpentMs - b.timeSpentMs);
  }

  async dryRun() {
    const tests = [];
    for (const test of this.#tests) {
      this.#stryker.currentTestId = test.id;
      const start = performance.now();
      const failureMessage = await failureOf(test);
      test.timeSpentMs = performance.now() - start;
      const { id, name, fileName, timeSpentMs } = test;
      tests.push({ id, name, fileName, timeSpentMs, status: failureMessage ? 1 : 0, failureMessage });
    }
    this.#stryker.currentTestId = undefined;
    return { status: "complete", tests, mutantCoverage: this.#stryker.mutantCoverage };
  }

  async mutantRun({ activeMutant, mutantActivation, reloadEnvironment, testFilter, hitLimit }) {
    const stryker = this.#stryker;
    stryker.hitLimit = hitLimit;
    stryker.hitCount = hitLimit === undefined ? undefined : 0;
    stryker.activeMutant = mutantActivation === "static" ? activeMutant.id : undefined;
    let nrOfTests = 0;
    try {
      if (reloadEnvironment) this.#reload();
      stryker.activeMutant = activeMutant.id;
      for (const test of this.#tests) {
        if (testFilter && !testFilter.includes(test.id)) continue;
        nrOfTests++;
        const failureMessage = await failureOf(test);
        if (stryker.hitCount > hitLimit) return { status: "timeout", reason: "it loops" };
        if (failureMessage) return { status: "killed", killedBy: [test.id], failureMessage, nrOfTests };
      }
      return { status: "survived", nrOfTests };
    } catch (error) {
      // The tests could not even be loaded.
      return {
        status: "killed",
        killedBy: [this.#tests[0]?.id ?? "load"],
        failureMessage: String(error),
        nrOfTests,
      };
    } finally {
      stryker.activeMutant = undefined;
    }
  }
}

/** What a test fails with, or undefined. */
async function failureOf({ run }) {
  try {
    await run({ diagnostic() {} });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message || error.name : String(error);
  }
}

export const strykerPlugins = [{ kind: "TestRunner", name: "pure", injectableClass: PureTestRunner }];
