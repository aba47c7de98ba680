import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { makeCatalogue } from "../../../../src/core/recognition/catalogue.ts";
import { CLEAN_COLUMNS, chooseVersions, type Version } from "../../../../src/tools/core/clean/choose.ts";
import { LEFTOVER, partOf, serverFolders } from "../../../../src/tools/core/clean/layout.ts";

const C = "e18005f0f1b33c29e81d732535d8c0e47cafb0b5";
const DAY = 86_400_000;
const NOW = 400 * DAY;

const version = (name: string, more: Partial<Version> = {}): Version => ({
  product: "vscode",
  folder: "/home/a/.vscode-server",
  version: name,
  installs: [`bin/${name}`],
  traces: [],
  tracedAt: null,
  usedAt: NOW - 100 * DAY,
  installedAt: NOW - 200 * DAY,
  placedAt: NOW - 200 * DAY,
  leftover: false,
  kib: 1024,
  pid: null,
  ...more,
});
/** A version that stays whatever happens, so that the one in question need not. */
const newest = version("newest", { usedAt: NOW - 2 * DAY, installedAt: NOW - 2 * DAY });
const decide = (one: Version, older = 30 * DAY) => chooseVersions([one, newest], older, NOW)[0];

describe("what a server folder's entries are", () => {
  const parts: readonly (readonly [product: string, above: string, name: string, role: string | null])[] = [
    ["vscode", "bin", C, "install"],
    ["cursor", "bin/linux-x64", C, "install"],
    ["antigravity", "bin", `2.0.1-${C}`, "install"],
    ["vscode", "cli/servers", `Stable-${C}`, "install"],
    ["tunnel", "servers", `Stable-${C}`, "install"],
    ["vscode", "", `code-${C}`, "install"],
    ["vscode-insiders", "", `code-insiders-${C}`, "install"],
    ["vscode", "bin", `${LEFTOVER}${C}`, "install"],
    ["zed", "", "zed-remote-server-stable-0.199.6", "install"],
    ["jetbrains", "", "0a1b2c3d4e5f6_ideaIU-2025.1", "install"],
    ["vscode", "", `.${C}.log`, "trace"],
    ["vscode", "", `.${C}.pid`, "trace"],
    ["vscode", "", `.cli.${C}.log`, "trace"],
    ["vscode", "", `.stable-${C}.token`, "trace"],
    ["vscode", "", `vscode-remote-lock.alice.${C}`, "trace"],
    ["vscode", "", "zed-remote-server-stable-0.199.6", null],
    ["zed", "", `code-${C}`, null],
    ["zed", "bin", "zed-remote-server-stable-0.199.6", null],
    ["vscode", "", "data", null],
    ["vscode", "", "extensions", null],
    ["vscode", "bin", "extensions", null],
    ["vscode", "bin", C.slice(1), null],
    ["vscode", "bin", `${C}.bak`, null],
    ["vscode", "bin", `my notes ${C}`, null],
    ["vscode", "", C, null],
    ["vscode", "", `.${C}.log.old`, null],
    ["vscode", "", "..", null],
    ["vscode", "bin", `.${C}.log`, null],
  ];
  for (const [product, above, name, role] of parts)
    test(`${product}: ${above}/${name} is ${role ?? "nothing that clean knows"}`, () => {
      const part = partOf(product, above, name);
      assert.equal(part?.role ?? null, role);
      if (part) assert.equal(part.version, name.includes(C) ? C : name);
      if (part) assert.equal(part.leftover, name.startsWith(LEFTOVER));
    });

  test("server folders are dot folders of known products and of the site", () => {
    const site = { directories: [{ product: "acme", directory: ".acme-server" }], patterns: [], sshd: [] };
    const paths = serverFolders(makeCatalogue(site)).map(({ path }) => path);
    for (const path of [".vscode-server", ".acme-server", ".cache/JetBrains/RemoteDev/dist", ".vscode/cli"])
      assert.ok(paths.includes(path), path);
    for (const path of paths) assert.match(path, /^\.(?!.*\.\.)/);
  });
});

describe("which versions go", () => {
  test("one that was not used for long", () => {
    const choice = decide(version("old"));
    assert.deepEqual([choice?.remove, choice?.reason], [true, "unused for 100d"]);
  });
  const stays: [string, Partial<Version>, RegExp][] = [
    ["one that runs here", { pid: 4711 }, /^runs here \(process 4711\)$/],
    ["one whose log was written within a day", { tracedAt: NOW - DAY + 1 }, /log or lock/],
    ["one whose log is of the future", { tracedAt: NOW + DAY, usedAt: NOW + DAY }, /log or lock/],
    ["one that was used within the time", { usedAt: NOW - 29 * DAY }, /^used 29d ago$/],
    ["one that came here within the time", { placedAt: NOW - 3 * DAY }, /^installed 3d ago$/],
    ["the newest", { installedAt: NOW }, /^the newest of its product$/],
    ["the last one used", { usedAt: NOW - DAY }, /^the last one used/],
  ];
  for (const [name, more, reason] of stays)
    test(`not ${name}, whatever the age that is asked for`, () => {
      const choice = decide(version("one", more), name.includes("within the time") ? 30 * DAY : 0);
      assert.equal(choice?.remove, false);
      assert.match(choice?.reason ?? "", reason);
    });
  test("the newest of each folder stays by itself, also the only one", () => {
    const [other] = chooseVersions([version("x", { folder: "/home/a/.cursor-server" }), newest], 0, NOW);
    assert.equal(other?.remove, false);
  });
  test("what an interrupted clean left goes, and is not the newest of anything", () => {
    const left = version("left", { leftover: true, installedAt: NOW, usedAt: NOW });
    const [first, second] = chooseVersions([left, version("old")], 0, NOW);
    assert.deepEqual([first?.remove, second?.remove], [true, false]);
  });
});

test("a row escapes what users choose, and shortens commits", () => {
  const choice = { ...version(C, { product: "a\u001b[31m" }), remove: true, reason: "x" };
  const cells = CLEAN_COLUMNS.map(({ of }) => of(choice));
  assert.deepEqual(cells.slice(0, 3), ["a\\x1b[31m", C.slice(0, 12), "1 MiB"]);
});
