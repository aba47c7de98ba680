import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import test from "node:test";

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => join("src", path));

function importsOf(path: string): string[] {
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(/(?:^|\n)(?:import|export)[^;]*?from "([^"]+)"|import\("([^"]+)"\)/g)].map(
    (found) => found[1] ?? found[2] ?? "",
  );
}

const inside = (path: string): string[] =>
  importsOf(path)
    .filter((name) => name.startsWith("."))
    .map((name) => normalize(join(dirname(path), name)));

const isPure = (path: string): boolean => /^src\/(?:tools\/)?core\//.test(path);

test("the core is pure: no node: import, no clock, no environment, no randomness", () => {
  for (const path of sources.filter(isPure)) {
    const text = readFileSync(path, "utf8");
    for (const name of importsOf(path)) assert.ok(!name.startsWith("node:"), `${path} imports ${name}`);
    assert.doesNotMatch(
      text,
      /Date\.now|new Date\(\)|process\.(?:env|exit|geteuid|hrtime)|Math\.random/,
      path,
    );
  }
});

/** What each folder may import of the sources; all but the last three are what root runs each hour. */
const MAY_IMPORT: readonly (readonly [string, RegExp])[] = [
  ["src/core/", /^src\/core\//],
  ["src/shell/", /^src\/(?:core|shell)\//],
  ["src/sweep/", /^src\/(?:core|shell|sweep)\//],
  ["src/commands/", /^src\/(?:core|shell|sweep|commands)\//],
  ["src/start/bin.ts", /^src\/(?:start\/compile-cache|commands\/sweep-options)\.ts$/],
  ["src/start/sweep.ts", /^src\/(?:core|shell|sweep|commands)\//],
  ["src/tools/core/", /^src\/(?:tools\/)?core\//],
  ["src/tools/shell/", /^src\/(?:tools\/)?(?:core|shell)\//],
  ["src/tools/", /^src\/(?!start\/)/],
];

test("imports point down: the core knows no shell, the shell no command, and what the unit loads no tool", () => {
  for (const path of sources) {
    const [, allowed] = MAY_IMPORT.find(([folder]) => path.startsWith(folder)) ?? [];
    for (const target of inside(path))
      if (allowed) assert.match(target, allowed, `${path} imports ${target}`);
  }
});

/** The rooms of the core by floor, the ground first: a room imports from lower floors and from itself. */
const FLOORS = [
  ["text"],
  ["observation"],
  ["recognition"],
  ["tree", "policy"],
  ["evidence", "costs"],
  ["verdict"],
  ["reap"],
  ["report", "ledger", "metrics", "notify"],
  ["tools/text"],
  ["tools/doctor", "tools/clean", "tools/replay", "tools/ledger"],
  ["tools/views"],
];

test("a room of the core imports from the floors below it and from itself alone", () => {
  const floorOf = (path: string): number => {
    const room = dirname(path).replace(/^src\/(tools\/)?core\//, "$1");
    const floor = FLOORS.findIndex((rooms) => rooms.includes(room));
    assert.notEqual(floor, -1, `${path} stands in no room that this test knows`);
    return floor;
  };
  for (const path of sources.filter(isPure)) {
    for (const target of inside(path)) {
      if (dirname(target) === dirname(path)) continue;
      assert.ok(floorOf(target) < floorOf(path), `${path} imports ${target}`);
    }
  }
});

test("no two files import each other, directly or through others", () => {
  const visiting = new Set<string>();
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (done.has(path) || !path.endsWith(".ts")) return;
    assert.ok(!visiting.has(path), `a cycle: ${[...trail, path].join(" → ")}`);
    visiting.add(path);
    for (const target of inside(path)) visit(target, [...trail, path]);
    visiting.delete(path);
    done.add(path);
  };
  for (const path of sources) visit(path, []);
});

test("signals go through the addon, which checks identities", () => {
  for (const path of sources)
    assert.doesNotMatch(readFileSync(path, "utf8"), /process\.kill\((?!process\.pid,)/, path);
});

test("only the addon knows Node; the core of the native code knows neither Node nor exceptions", () => {
  for (const folder of ["native/core", "native/hook"]) {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!/\.(?:cc|h)$/.test(name)) continue;
      const text = readFileSync(join(folder, name), "utf8");
      assert.doesNotMatch(text, /napi\.h|node_api\.h|\bthrow\b|\btry\s*\{/, join(folder, name));
    }
  }
});

/** The rooms of native/core, each with those below it that it may include. */
const NATIVE: Readonly<Record<string, readonly string[]>> = {
  base: [],
  files: ["base"],
  proc: ["base"],
  killable: ["base", "proc"],
  signals: ["base", "proc"],
  sockets: ["base", "proc", "killable"],
  snapshot: ["base", "proc", "killable"],
};

test("the rooms of native/core include downwards, and know neither the addon nor the hook", () => {
  for (const name of readdirSync("native/core", { recursive: true, encoding: "utf8" })) {
    const [room = "", file] = name.split("/");
    if (file === undefined) continue;
    const allowed = [room, ...(NATIVE[room] ?? [])];
    const included = readFileSync(join("native/core", name), "utf8").matchAll(/#include "([a-z]+)\/(\w+)/g);
    for (const [, top = "", target = ""] of included)
      assert.ok(top === "core" && allowed.includes(target), `native/core/${name} includes ${top}/${target}`);
  }
});
