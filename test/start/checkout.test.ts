// A checkout on a bare machine and below a home that only its owner may enter: what a new user meets first.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { isRoot, USER } from "../helpers/real.ts";

const folder = mkdtempSync(join(tmpdir(), "reaper-bare-"));
after(() => rmSync(folder, { recursive: true }));

describe("the check for what a build needs", () => {
  /** Runs it on a machine that has these programs alone; each prints its arguments. */
  const ask = (programs: readonly string[], env: Record<string, string> = {}) => {
    const bin = mkdtempSync(join(folder, "bin-"));
    for (const name of programs)
      writeFileSync(join(bin, name), `#!/bin/sh\necho "ran: ${name} $*"\n`, { mode: 0o755 });
    const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/tools.mjs"], {
      encoding: "utf8",
      env: { PATH: bin, ...env },
    });
    return { status, stdout, lines: stderr.trimEnd().split("\n") };
  };
  const APT = "  apt-get install -y --no-install-recommends g++ cmake make";
  const DNF = "  dnf install -y gcc-c++ cmake make";

  test("names everything that is missing at once, with one line to install it", () => {
    const head = "To build, this machine needs a C++17 compiler, CMake, make or ninja. Install it:";
    assert.deepEqual(ask([]), { status: 1, stdout: "", lines: [head, APT, DNF] });
    assert.deepEqual(ask(["apt-get"]).lines.slice(0, 2), [head, APT]);
    assert.deepEqual(ask(["dnf"]).lines.slice(0, 2), [head, DNF]);
    assert.deepEqual(
      ask(["apt-get", "c++", "ninja"]).lines[1],
      "  apt-get install -y --no-install-recommends cmake",
    );
    assert.deepEqual(ask(["g++", "cmake", "make"]), { status: 0, stdout: "", lines: [""] });
  });

  test("installs when asked to, as root, and says when that was not enough", {
    skip: isRoot ? false : "root only",
  }, () => {
    const { status, stdout } = ask(["dnf"], { REAPER_INSTALL_DEPS: "1" });
    assert.match(stdout, /^ran: dnf install -y gcc-c\+\+ cmake make$/m);
    assert.equal(status, 1, "this dnf installs nothing");
  });
});

test("a build folder counts only when a build there has succeeded, in this checkout", () => {
  const build = mkdtempSync(join(folder, "build-"));
  const [cache, stamp] = [join(build, "CMakeCache.txt"), join(build, "configured")];
  const isWhole = (): string => {
    const script = `import { isWholeBuild } from "./scripts/tools.mjs"; console.log(isWholeBuild(...process.argv.slice(1)));`;
    const args = ["--input-type=module", "-e", script, "--", build, stamp];
    return spawnSync(process.execPath, args, { encoding: "utf8" }).stdout.trim();
  };
  writeFileSync(cache, `CMAKE_HOME_DIRECTORY:INTERNAL=${process.cwd()}\n`);
  assert.equal(isWhole(), "false", "a configuration that did not end leaves a cache");
  writeFileSync(stamp, "");
  assert.equal(isWhole(), "true");
  writeFileSync(cache, "CMAKE_HOME_DIRECTORY:INTERNAL=/somewhere/else\n");
  assert.equal(isWhole(), "false");
  rmSync(cache);
  assert.equal(isWhole(), "false");
});

test("the tests run below a home that only root may enter", { skip: isRoot ? false : "root only" }, () => {
  const clone = join(folder, "home", "clone");
  mkdirSync(join(clone, "scripts"), { recursive: true });
  chmodSync(join(folder, "home"), 0o700);
  copyFileSync("scripts/public-checkout.mjs", join(clone, "scripts/public-checkout.mjs"));
  const read =
    'spawnSync("/bin/cat", [process.cwd() + "/scripts/probe.mjs"], { uid, gid: uid, encoding: "utf8" })';
  writeFileSync(
    join(clone, "scripts/probe.mjs"),
    `import { spawnSync } from "node:child_process";
     import { runWhereUsersCanRead } from "./public-checkout.mjs";
     const uid = ${USER};
     if (process.argv[2] === "moved") runWhereUsersCanRead(process.argv.slice(1));
     const program = spawnSync(process.execPath, ["--version"], { uid, gid: uid, encoding: "utf8" });
     console.log(${read}.status, program.status);
     process.exit(7);`,
  );
  const run = (how: string) =>
    spawnSync(process.execPath, ["scripts/probe.mjs", how], { cwd: clone, encoding: "utf8" });
  assert.match(run("stays").stdout, /^1 /, "an ordinary user cannot read it where it is");
  const { status, stdout, stderr } = run("moved");
  assert.equal(stdout, "0 0\n", stderr);
  assert.equal(status, 7);
});
