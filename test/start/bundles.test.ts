// The command: which of the two bundles it starts.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "reaper-bundles-"));
after(() => rmSync(folder, { recursive: true }));

/** Runs the program from a copy of dist/ that lacks one of its bundles. */
function runWithout(bundle: string): (...args: readonly string[]) => number | null {
  const copy = join(folder, bundle);
  cpSync("dist", copy, { recursive: true, filter: (path) => !path.endsWith(bundle) });
  return (...args) => spawnSync(process.execPath, [join(copy, "vscode-grim-reaper.cjs"), ...args]).status;
}

test("a sweep needs nothing of the other commands, with or without its name", () => {
  const run = runWithout("tools.cjs");
  assert.equal(run("-n"), 0);
  assert.equal(run("sweep", "--dry-run"), 0);
  assert.notEqual(run("status"), 0);
});

test("the other commands and every help start without the sweep's bundle", () => {
  const run = runWithout("sweep.cjs");
  for (const args of [["status"], ["--help"], ["-h"], ["--version"], ["sweep", "--help"], ["-n", "--help"]])
    assert.equal(run(...args), 0, args.join(" "));
  assert.notEqual(run("-n"), 0);
});
