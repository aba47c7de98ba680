import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { makeCatalogue } from "../../../src/core/recognition/catalogue.ts";
import { findInstall } from "../../../src/core/recognition/install-path.ts";
import { endingOf, fitsEnd, fitsName, globToRegExp } from "../../../src/core/recognition/path-pattern.ts";
import { recognise } from "../../../src/core/recognition/recognise.ts";
import { COMMIT } from "../../helpers/proc.ts";

const catalogue = makeCatalogue();

test("where the command line cannot be read, the executable's path names the product", () => {
  const rows = readFileSync("test/fixtures/install-paths.tsv", "utf8")
    .split("\n")
    .filter((line) => !line.startsWith("#") && line.includes("\t"));
  assert.ok(rows.length > 90);
  for (const row of rows) {
    const [exe = "", product = ""] = row.replaceAll("{commit}", COMMIT).split("\t");
    const found = recognise({ exe, argv: [] }, catalogue);
    assert.equal(found?.product ?? "", product, exe);
  }
});

test("the most specific folder names the product, and the first one of two as specific", () => {
  const of = (path: string): string | undefined => findInstall(path, catalogue)?.product.id;
  assert.equal(of(`/h/.vscode/cli/.cursor-server/${COMMIT}/node`), "tunnel");
  assert.equal(of(`/h/.cursor-server/.vscode/cli/${COMMIT}/node`), "tunnel");
  assert.equal(of(`/h//.vscode//cli/${COMMIT}/node`), "tunnel");
  assert.equal(of(`/h/.cursor-server/.vscode-server/${COMMIT}/node`), "cursor");
  for (const folder of [".acme-server", ".acme-server-next", ".acme-server-insiders", ".ac.me+x-server-cn"])
    assert.equal(of(`/${folder}/node`), "unknown-fork");
  assert.deepEqual(findInstall("/h/.vscode-server/bin/x/node", catalogue)?.rest, ["bin", "x", "node"]);
  // A file that is called like a folder is not in it.
  const files = [
    "/h/.vscode-server",
    `/scratch/vs/bin/${COMMIT}`,
    "/h/.acme-server",
    "/x/extensions/a.b-1.2.3",
  ];
  for (const path of files) assert.equal(findInstall(path, catalogue), null, path);
});

const names: readonly (readonly [fits: boolean, name: string, pattern: string])[] = [
  [true, "node", "node"],
  [false, "node", "nodes"],
  [false, "nodes", "node"],
  [false, "aab", "ab"],
  [false, "a", "aa"],
  [false, "", "*"],
  [true, "a", "*"],
  [true, "tmux-3.4", "tmux-*"],
  [false, "tmux-", "tmux-*"],
  [true, "a-b-server", "*-server"],
  [false, "-server", "*-server"],
  [true, "x-server-server", "*-server"],
  [true, `Stable-${COMMIT}`, "*-{commit}"],
  [true, `stable-${COMMIT}-${COMMIT}`, "*-{commit}"],
  [false, `Stable-${COMMIT}0`, "*-{commit}"],
  [false, `Stable-${COMMIT.slice(1)}`, "*-{commit}"],
  [false, COMMIT.toUpperCase(), "{commit}"],
  [true, "ms-vscode.cpptools-1.23.6-linux-x64", "*.*-*.*.*"],
  [false, "ms-python.python-2025", "*.*-*.*.*"],
];

for (const [fits, name, pattern] of names)
  test(`${JSON.stringify(name)} ${fits ? "fits" : "does not fit"} ${pattern}`, () =>
    assert.equal(fitsName(name, pattern), fits));

test("a hostile name does not hold up the look: with backtracking this would take years", () => {
  assert.equal(fitsName("a.a-".repeat(60), `${"*a".repeat(20)}b`), false);
});

test("two stars stand for one component or more", () => {
  const ends = (path: string, pattern: string): boolean => fitsEnd(path.split("/"), endingOf(pattern));
  assert.ok(ends("h/dist/a/b", "dist/**"));
  assert.ok(!ends("h/dist", "dist/**"));
  assert.ok(ends("h/dist/a/java", "dist/**/java"));
  assert.ok(ends("h/dist/a/b/java", "dist/**/java"));
  assert.ok(!ends("h/dist/java", "dist/**/java"));
  assert.ok(ends("h/java", "**/java"));
  assert.ok(!ends("java", "**/java"));
  assert.ok(ends("bin/codex", "bin/codex"));
  assert.ok(!ends("codex", "bin/codex"));
});

test("a site's globs are anchored and a star stays within a component", () => {
  assert.ok(globToRegExp("/a/*/c").test("/a/b/c"));
  assert.ok(!globToRegExp("/a/*/c").test("/a/b/b/c"));
  assert.ok(globToRegExp("/a/**/c").test("/a/b/b/c"));
  assert.ok(!globToRegExp("/a.c").test("/abc"));
});
