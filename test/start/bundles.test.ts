// The command: which of the bundles it starts, and that both parsers of a sweep's options understand the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Command } from "commander";
import fc from "fast-check";
import { sweepOptionsOf } from "../../src/commands/sweep-options.ts";
import { sweepCommand } from "../../src/tools/sweep.ts";
import { temporaryFolder } from "../helpers/program.ts";

const folder = temporaryFolder();

/** Runs the program from a copy of dist/ that lacks some of its bundles. */
function runWithout(...bundles: readonly string[]): (...args: readonly string[]) => number | null {
  const copy = mkdtempSync(join(folder, "dist-"));
  cpSync("dist", copy, { recursive: true, filter: (path) => !bundles.some((name) => path.endsWith(name)) });
  return (...args) => spawnSync(process.execPath, [join(copy, "vscode-grim-reaper.cjs"), ...args]).status;
}

test("a sweep needs nothing of the other commands, with or without its name, and pino for JSON alone", () => {
  const run = runWithout("tools.cjs", "pino.cjs");
  assert.equal(run("-n"), 0);
  assert.equal(run("sweep", "--dry-run"), 0);
  assert.notEqual(run("-n", "--log-format", "json"), 0);
  assert.notEqual(run("status"), 0);
});

test("the other commands and every help start without the sweep's bundle", () => {
  const run = runWithout("sweep.cjs");
  for (const args of [["status"], ["--help"], ["-h"], ["--version"], ["sweep", "--help"], ["-n", "--help"]])
    assert.equal(run(...args), 0, args.join(" "));
  assert.notEqual(run("-n"), 0);
});

test("what Node's parser takes for a sweep, commander takes in the same sense", async () => {
  const [flags, values] = [
    ["-v", "-vv", "-n", "-nv", "-fy", "--json", "--include-jobs", "--include-exempt", "--", "--help", "-x"],
    ["-l", "--log", "--pid", "-u", "--user", "--settle", "--log-format", "-c", "--config"],
  ];
  const texts = ["7", "0", "-", "alice", "2m", "json", "xml", "", "-n"];
  const words = fc.oneof(
    fc.constantFrom("sweep", "list", ...flags).map((flag) => [flag]),
    fc.tuple(fc.constantFrom(...values), fc.constantFrom(...texts)),
    fc
      .tuple(fc.constantFrom("--log=", "--pid=", "-u", "--settle=", "-l"), fc.constantFrom(...texts))
      .map(([name, text]) => [`${name}${text}`]),
  );
  let taken = 0;
  const same = async (args: readonly string[]): Promise<void> => {
    const own = sweepOptionsOf(args);
    if (own === null) return;
    taken++;
    let theirs: unknown;
    sweepCommand.action((given) => {
      theirs = given;
    });
    const program = new Command().addCommand(sweepCommand, { isDefault: true });
    for (const command of [program, sweepCommand]) command.exitOverride();
    await program.parseAsync(args, { from: "user" });
    assert.deepEqual({ ...(theirs as object) }, own, args.join(" "));
  };
  // Each option once: commander refuses a wrong value that a later one replaces, and Node's parser has forgotten it.
  const selector = ([name = ""]: readonly string[]): string => name.replace(/=.*/s, "");
  const line = fc.uniqueArray(words, { maxLength: 4, selector });
  await fc.assert(
    fc.asyncProperty(line, (parts) => same(parts.flat())),
    { numRuns: 2000 },
  );
  assert.ok(taken > 100, `only ${taken} of these command lines were taken`);
});
