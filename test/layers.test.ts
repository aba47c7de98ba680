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

test("the core is pure: no node: import, no clock, no environment, no randomness", () => {
  for (const path of sources.filter((name) => name.startsWith("src/core/"))) {
    const text = readFileSync(path, "utf8");
    for (const name of importsOf(path)) assert.ok(!name.startsWith("node:"), `${path} imports ${name}`);
    assert.doesNotMatch(
      text,
      /Date\.now|new Date\(\)|process\.(?:env|exit|geteuid|hrtime)|Math\.random/,
      path,
    );
  }
});

test("imports point down: the core knows no shell, the shell no command", () => {
  for (const path of sources) {
    for (const target of inside(path)) {
      if (path.startsWith("src/core/"))
        assert.ok(target.startsWith("src/core/"), `${path} imports ${target}`);
      if (path.startsWith("src/shell/"))
        assert.match(target, /^src\/(?:core|shell)\//, `${path} imports ${target}`);
      if (path.startsWith("src/sweep/"))
        assert.match(target, /^src\/(?:core|shell|sweep)\//, `${path} imports ${target}`);
      if (path.startsWith("src/commands/"))
        assert.doesNotMatch(target, /^src\/(?:cli\.ts|start\/)/, `${path} imports ${target}`);
    }
  }
});

/** The rooms of the core by floor, the ground first: a room imports from lower floors and from itself. */
const FLOORS = [
  ["text"],
  ["observation"],
  ["recognition", "doctor"],
  ["tree", "policy", "clean"],
  ["evidence", "costs", "replay"],
  ["verdict"],
  ["reap"],
  ["report", "ledger", "metrics", "notify"],
  ["hooks", "page"],
];

test("a room of the core imports from the floors below it and from itself alone", () => {
  const floorOf = (path: string): number => {
    const room = path.split("/")[2] ?? "";
    const floor = FLOORS.findIndex((rooms) => rooms.includes(room));
    assert.notEqual(floor, -1, `${path} stands in no room that this test knows`);
    return floor;
  };
  for (const path of sources.filter((name) => name.startsWith("src/core/"))) {
    for (const target of inside(path)) {
      if (dirname(target) === dirname(path)) continue;
      assert.ok(floorOf(target) < floorOf(path), `${path} imports ${target}`);
    }
  }
});

test("a sweep loads nothing that only replay needs", () => {
  const loaded = new Set<string>();
  const pending = ["src/commands/sweep.ts"];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (loaded.has(path) || !path.endsWith(".ts")) continue;
    loaded.add(path);
    pending.push(...inside(path));
  }
  assert.ok(loaded.has("src/core/recognition/recognise.ts"));
  assert.deepEqual(
    [...loaded].filter((path) => path.startsWith("src/core/replay/")),
    [],
  );
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
