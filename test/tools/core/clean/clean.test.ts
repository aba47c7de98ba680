import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { makeCatalogue } from "../../../../src/core/recognition/catalogue.ts";
import { chooseVersions, type Version } from "../../../../src/tools/core/clean/choose.ts";
import { holdsVersions, LEFTOVER, partOf, serverFolders } from "../../../../src/tools/core/clean/layout.ts";
import { CLEAN_COLUMNS } from "../../../../src/tools/core/clean/view.ts";

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
  const yes: [string, string, string][] = [
    ["vscode", "bin", C],
    ["cursor", "bin/linux-x64", C],
    ["antigravity", "bin", `2.0.1-${C}`],
    ["vscode", "cli/servers", `Stable-${C}`],
    ["tunnel", "servers", `Stable-${C}`],
    ["vscode", "", `code-${C}`],
    ["vscode-insiders", "", `code-insiders-${C}`],
    ["vscode", "bin", `${LEFTOVER}${C}`],
  ];
  for (const [product, above, name] of yes)
    test(`${product}: ${above}/${name} is an install of a version`, () => {
      const part = partOf(product, above, name);
      assert.deepEqual([part?.version, part?.role], [C, "install"]);
      assert.equal(part?.leftover, name.startsWith(LEFTOVER));
    });

  test("Zed and JetBrains number their versions otherwise", () => {
    assert.equal(partOf("zed", "", "zed-remote-server-stable-0.199.6")?.role, "install");
    assert.equal(partOf("jetbrains", "", "0a1b2c3d4e5f6_ideaIU-2025.1")?.role, "install");
    assert.equal(partOf("vscode", "", "zed-remote-server-stable-0.199.6"), null);
  });

  test("logs, locks and tokens beside a version are its traces", () => {
    for (const name of [
      `.${C}.log`,
      `.${C}.pid`,
      `.cli.${C}.log`,
      `.stable-${C}.token`,
      `vscode-remote-lock.alice.${C}`,
    ])
      assert.deepEqual(
        [partOf("vscode", "", name)?.role, partOf("vscode", "", name)?.version],
        ["trace", C],
        name,
      );
  });

  const no: [string, string][] = [
    ["", "data"],
    ["", "extensions"],
    ["bin", "extensions"],
    ["bin", C.slice(1)],
    ["bin", `${C}.bak`],
    ["bin", `my notes ${C}`],
    ["cli", `Stable-${C}`],
    ["", C],
    ["", `.${C}.log.old`],
    ["", ".."],
    ["bin", `../${C}`],
  ];
  for (const [above, name] of no)
    test(`${above}/${name} is nothing that clean knows`, () =>
      assert.equal(partOf("vscode", above, name), null));

  test("settings and extensions are never entered", () => {
    for (const path of ["", "bin", "bin/linux-x64", "cli", "cli/servers"])
      assert.ok(holdsVersions(path), path);
    for (const path of ["data", "extensions", "bin/x", "bin/linux-x64/y", `bin/${C}`, "cli/data"])
      assert.ok(!holdsVersions(path), path);
  });

  test("server folders are dot folders of known products and of the site", () => {
    const site = { directories: [{ product: "acme", directory: ".acme-server" }], patterns: [], sshd: [] };
    const paths = serverFolders(makeCatalogue(site)).map(({ path }) => path);
    for (const path of [".vscode-server", ".acme-server", ".cache/JetBrains/RemoteDev/dist", ".vscode/cli"])
      assert.ok(paths.includes(path), path);
    assert.ok(
      paths.every((path) => path.startsWith(".") && !path.includes("..")),
      String(paths),
    );
  });
});

describe("which versions go", () => {
  test("one that was not used for long", () => {
    assert.deepEqual(
      [decide(version("old"))?.remove, decide(version("old"))?.reason],
      [true, "unused for 100d"],
    );
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
  const choice = { version: version(C, { product: "a\u001b[31m" }), remove: true, reason: "x" };
  const cells = CLEAN_COLUMNS.map(({ of }) => of(choice));
  assert.deepEqual(cells.slice(0, 3), ["a\\x1b[31m", C.slice(0, 12), "1 MiB"]);
});
