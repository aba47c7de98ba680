// A checkout on a bare machine and below a home that only its owner may enter: what a new user meets first.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { temporaryFolder } from "../helpers/program.ts";
import { isRoot, USER } from "../helpers/real.ts";

const folder = temporaryFolder();

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

describe("install.sh", { skip: isRoot ? false : "root only" }, () => {
  /** Runs it where /usr/bin has no node and nothing can be written; `node` comes first in PATH. */
  const install = (node: string) => {
    const script = `mount -t tmpfs tmpfs /mnt && mkdir /mnt/up /mnt/work
      mount -t overlay -o lowerdir=/usr/bin,upperdir=/mnt/up,workdir=/mnt/work overlay /usr/bin
      rm -f /usr/bin/node; mount -o remount,bind,ro /; PATH=$1:$PATH; exec sh scripts/install.sh`;
    const command = ["--mount", "sh", "-ec", script, "sh", dirname(node)];
    const { status, stderr } = spawnSync("unshare", command, { encoding: "utf8" });
    return { status, stderr };
  };

  for (const [what, change] of [
    ["belongs to a user", "chown 64000 node"],
    ["can be written by a group", "chgrp 64000 node; chmod 775 node"],
    ["lies in a user's folder", "chown 64000 ."],
    ["lies below a folder that everybody may write", "chmod 777 .."],
    ["is a link to a user's", "mv node ../theirs; chown 64000 ../theirs; ln -s ../theirs node"],
  ] as const)
    test(`refuses a node that ${what}`, () => {
      const place = mkdtempSync("/usr/local/reaper-install-");
      try {
        chmodSync(place, 0o755);
        mkdirSync(join(place, "bin"));
        const node = join(place, "bin", "node");
        writeFileSync(node, "", { mode: 0o755 });
        assert.match(install(node).stderr, /Read-only file system/, "root's alone is taken");
        assert.equal(spawnSync("sh", ["-ec", change], { cwd: join(place, "bin") }).status, 0);
        const { status, stderr } = install(node);
        assert.equal(status, 1);
        assert.match(
          stderr,
          /^install\.sh: others than root can change \/usr\/local\/reaper-\S+, so root must/,
        );
      } finally {
        rmSync(place, { recursive: true });
      }
    });
});
