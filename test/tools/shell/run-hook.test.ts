// The site's programs as they are run: checked, without a shell, with a clean environment and a time limit.
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runHook, whyNotRun } from "../../../src/tools/shell/run-hook.ts";
import { temporaryFolder } from "../../helpers/program.ts";
import { until } from "../../helpers/until.ts";

const skip = process.getuid?.() === 0 ? false : "needs root: the programs are root's";
const folder = skip ? "" : temporaryFolder();
let count = 0;

function program(text: string, mode = 0o755): string {
  const file = join(folder, `program-${++count}`);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, mode);
  return file;
}

describe("a program of the site's", { skip }, () => {
  test("gets its input, no argument and a clean environment, and its status comes back", () => {
    process.env.REAPER_LEAK = "secret";
    const note = join(folder, "environment");
    const file = program(`exec >${note}; read line; echo "$line|$#|$PWD"; env; exit 10`);
    const run = runHook(file, '{"tree":1}\n', 5000);
    delete process.env.REAPER_LEAK;
    assert.deepEqual(run, { value: 10 });
    const said = readFileSync(note, "utf8");
    assert.equal(said.split("\n")[0], '{"tree":1}|0|/');
    assert.doesNotMatch(said, /secret|HOME=|NODE/);
    assert.match(said, /^PATH=\/usr\/sbin:\/usr\/bin:\/sbin:\/bin$/m);
  });

  test("the path is not a command line for a shell", () => {
    const file = join(folder, "x; touch marker");
    writeFileSync(file, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    assert.deepEqual(runHook(file, "", 5000), { value: 0 });
    assert.ok(!existsSync("/marker") && !existsSync(join(folder, "marker")));
  });

  test("one that hangs is killed with what it started, and does not hold the others", async () => {
    const note = join(folder, "pids");
    const file = program(`echo $$ >${note}; sleep 600 & echo $! >>${note}; sleep 600`);
    assert.deepEqual(runHook(file, "", 500), { failed: "no answer within 0.5 s" });
    const pids = readFileSync(note, "utf8").trim().split("\n");
    assert.equal(pids.length, 2);
    const isAlive = (pid: string): boolean =>
      existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
    await until(() => assert.ok(!pids.some(isAlive)));
  });

  test("what it leaves behind with its output open is not waited for", () => {
    const note = join(folder, "left");
    const file = program(`sleep 600 & echo $! >${note}; exit 10`);
    assert.deepEqual(runHook(file, "", 30_000), { value: 10 });
    process.kill(Number(readFileSync(note, "utf8")), "SIGKILL");
  });

  test("one that floods its output, or does not read its input, does no harm", () => {
    const run = runHook(
      program("head -c 100000 /dev/zero | tr '\\0' x; exit 10"),
      "y".repeat(1 << 20),
      10_000,
    );
    assert.deepEqual(run, { value: 10 });
  });

  test("one that a signal ends is a failure", () => {
    for (const signal of ["SEGV", "KILL"]) {
      const run = runHook(program(`kill -${signal} $$`), "", 30_000);
      assert.deepEqual(run, { failed: `signal SIG${signal} ended it` });
    }
  });

  describe("is not run by root", () => {
    const refused: [string, () => string, RegExp][] = [
      ["when others can write it", () => program("exit 0", 0o757), /written by others than root/],
      [
        "when it belongs to another user",
        () => {
          const file = program("exit 0");
          chownSync(file, 54_321, 0);
          return file;
        },
        /written by others than root/,
      ],
      [
        "when others can write a folder above it",
        () => {
          const open = join(folder, "open");
          mkdirSync(open);
          chmodSync(open, 0o777);
          const file = join(open, "notify");
          writeFileSync(file, "#!/bin/sh\n", { mode: 0o755 });
          return file;
        },
        /open, above it, can be changed by others/,
      ],
      [
        "when it is a symbolic link",
        () => {
          symlinkSync(program("exit 0"), join(folder, "link"));
          return join(folder, "link");
        },
        /symbolic link .* configure /,
      ],
      ["when it is a folder", () => folder, /not a regular file/],
      ["when it is not executable", () => program("exit 0", 0o644), /not executable/],
      ["when it is not there", () => join(folder, "none"), /ENOENT/],
    ];
    for (const [name, make, reason] of refused)
      test(name, () => {
        const file = make();
        assert.match(whyNotRun(file) ?? "", reason);
        const run = runHook(file, "", 5000);
        assert.match("failed" in run ? run.failed : "", reason);
      });
  });
});
