import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { exePath } from "../../../src/core/observation/process.ts";
import { makeCatalogue } from "../../../src/core/recognition/catalogue.ts";
import {
  cliProductOf,
  findInstall,
  isCliName,
  isHelperPath,
  isRenamedByNfs,
} from "../../../src/core/recognition/install-path.ts";
import { componentsOf, fitsEnd, fitsName, globToRegExp } from "../../../src/core/recognition/path-pattern.ts";
import { COMMIT } from "../../helpers/proc.ts";

const catalogue = makeCatalogue();

/** The id of the product that the rules for paths alone give an executable, or null. */
function productOfExe(exe: string): string | null {
  const path = exePath(exe);
  if (!path.startsWith("/")) return null;
  const parts = componentsOf(path);
  const name = parts.at(-1) ?? "";
  for (const { product, endings } of catalogue.programs)
    if (endings.some((ending) => ending.length > 1 && fitsEnd(parts, ending))) return product;
  const install = findInstall(path, catalogue);
  const isNode = catalogue.shapes.nodeNames.includes(name);
  if (install) {
    const isOwn = isNode || isRenamedByNfs(name, catalogue) || isCliName(name, catalogue);
    if (
      install.by === "fork-folder"
        ? isNode || fitsName(name, "*-{commit}")
        : isOwn || isHelperPath(install, catalogue)
    )
      return install.product.id;
  }
  return fitsName(name, "*-{commit}") ? (cliProductOf(name, catalogue)?.id ?? null) : null;
}

test("an executable's path alone names the product", () => {
  const rows = readFileSync("test/fixtures/install-paths.tsv", "utf8")
    .split("\n")
    .filter((line) => !line.startsWith("#") && line.includes("\t"));
  assert.ok(rows.length > 100);
  for (const row of rows) {
    const [exe = "", product = ""] = row.replaceAll("{commit}", COMMIT).split("\t");
    assert.equal(productOfExe(exe) ?? "", product, exe);
  }
});

test("the most specific folder names the product, and the first one of two as specific", () => {
  const of = (path: string): string | undefined => findInstall(path, catalogue)?.product.id;
  assert.equal(of(`/h/.vscode/cli/.cursor-server/${COMMIT}/node`), "tunnel");
  assert.equal(of(`/h/.cursor-server/.vscode/cli/${COMMIT}/node`), "tunnel");
  assert.equal(of(`/h//.vscode//cli/${COMMIT}/node`), "tunnel");
  assert.equal(of(`/h/.cursor-server/.vscode-server/${COMMIT}/node`), "cursor");
  assert.equal(of("/.acme-server/node"), "unknown-fork");
  assert.deepEqual(findInstall("/h/.vscode-server/bin/x/node", catalogue)?.rest, ["bin", "x", "node"]);
  // A file that is called like a folder is not in it.
  for (const path of [
    "/h/.vscode-server",
    `/scratch/vs/bin/${COMMIT}`,
    "/h/.acme-server",
    "/x/extensions/a.b-1.2.3",
  ])
    assert.equal(findInstall(path, catalogue), null, path);
});

test("a script that only its file names does not belong to a product by its path alone", () => {
  assert.equal(productOfExe("/home/u/relay.js"), null);
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

for (const [fits, name, pattern] of names) {
  test(`${JSON.stringify(name)} ${fits ? "fits" : "does not fit"} ${pattern}`, () =>
    assert.equal(fitsName(name, pattern), fits));
}

test("a hostile name takes no longer than the product of both lengths", () => {
  const before = process.cpuUsage().user;
  assert.equal(fitsName("a.a-".repeat(60), `${"*a".repeat(20)}b`), false);
  assert.ok(process.cpuUsage().user - before < 1_000_000);
});

test("two stars stand for one component or more", () => {
  const ends = (path: string, pattern: string): boolean => fitsEnd(path.split("/"), pattern.split("/"));
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
