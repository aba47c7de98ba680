// The log before and after logrotate: who may read it stays the same.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { run } from "../helpers/program.ts";
import { must, usersSuite } from "../helpers/users-side.ts";

const LOG = "/var/log/vscode-grim-reaper.log";
const CONFIG = "systemd/vscode-grim-reaper.logrotate";
const MODE = 0o640;
const skip = spawnSync("logrotate", ["--version"]).error ? "logrotate is not installed" : false;

const modeOf = (file: string): number => statSync(file).mode & 0o7777;

test("tmpfiles and logrotate make the log with the same owner and mode", () => {
  const tmpfiles = readFileSync("systemd/vscode-grim-reaper.tmpfiles.conf", "utf8");
  const [, mode, owner, group] = new RegExp(`^f ${LOG} +(\\d+) (\\S+) (\\S+) `, "m").exec(tmpfiles) ?? [];
  assert.equal(Number.parseInt(mode ?? "", 8), MODE);
  const rotated = new RegExp(`^${LOG} \\{[^}]*^ +create (\\d+) (\\S+) (\\S+)$`, "m").exec(
    readFileSync(CONFIG, "utf8"),
  );
  assert.deepEqual(rotated?.slice(1), [mode, owner, group]);
});

usersSuite(import.meta.url, "rotation", () => {
  test("a sweep, a rotation and another sweep leave mode 0640", { skip }, () => {
    must(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/log"]);
    // The account of the units is a package's to make.
    const config = "/run/logrotate.conf";
    writeFileSync(config, readFileSync(CONFIG, "utf8").replaceAll(/(create 0640|su) .*/g, "$1 root root"));
    chmodSync(config, 0o644);
    const sweep = (): void => assert.equal(run(["-vv", "-l", LOG]).status, 0);
    const rotate = (): string =>
      must(["logrotate", "--force", "--verbose", "--state", "/run/logrotate.state", config]);
    sweep();
    writeFileSync(LOG, "a line\n", { flag: "a" });
    assert.equal(modeOf(LOG), MODE);
    rotate();
    assert.equal(readFileSync(LOG, "utf8"), "");
    assert.deepEqual([modeOf(LOG), modeOf(`${LOG}.1`)], [MODE, MODE]);
    sweep();
    assert.equal(modeOf(LOG), MODE);
  });
});
