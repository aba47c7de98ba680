// The log and the ledger before and after logrotate: who may read them stays the same.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { succeeds } from "../helpers/program.ts";
import { must, usersSuite } from "../helpers/users-side.ts";

const FOLDER = "/var/log/vscode-grim-reaper";
const LOG = `${FOLDER}/sweep.log`;
const FILES = [LOG, `${FOLDER}/ledger.jsonl`];
const CONFIG = "systemd/vscode-grim-reaper.logrotate";
const MODE = 0o640;
const skip = spawnSync("logrotate", ["--version"]).error ? "logrotate is not installed" : false;

const modeOf = (file: string): number => statSync(file).mode & 0o7777;
const tmpfiles = readFileSync("systemd/vscode-grim-reaper.tmpfiles.conf", "utf8");

for (const file of FILES)
  test(`tmpfiles and logrotate make ${file} with the same owner and mode`, () => {
    const [, mode, owner, group] = new RegExp(`^f ${file} +(\\d+) (\\S+) (\\S+) `, "m").exec(tmpfiles) ?? [];
    assert.equal(Number.parseInt(mode ?? "", 8), MODE);
    const rotated = new RegExp(`^${file} \\{[^}]*^ +create (\\d+) (\\S+) (\\S+)$`, "m").exec(
      readFileSync(CONFIG, "utf8"),
    );
    assert.deepEqual(rotated?.slice(1), [mode, owner, group]);
  });

test("their folder is root's: the account of the unit can neither rename nor replace them", () => {
  assert.match(tmpfiles, new RegExp(`^d ${FOLDER} +0755 root root -$`, "m"));
  const unit = readFileSync("systemd/vscode-grim-reaper.service", "utf8");
  assert.match(unit, new RegExp(`^ReadWritePaths=-${FOLDER}$`, "m"));
  assert.doesNotMatch(unit, /^LogsDirectory/m, "systemd would give the folder to the account");
});

usersSuite(import.meta.url, "rotation", () => {
  test("a sweep, a rotation and another sweep leave mode 0640", { skip }, () => {
    mkdirSync(FOLDER);
    // The account of the units is a package's to make.
    const config = "/run/logrotate.conf";
    writeFileSync(
      config,
      readFileSync(CONFIG, "utf8").replaceAll(/create 0640 .*/g, "create 0640 root root"),
    );
    chmodSync(config, 0o644);
    const sweep = () => succeeds(["-vv", "-l", LOG]);
    sweep();
    for (const file of FILES) writeFileSync(file, "a line\n", { flag: "a", mode: MODE });
    must(["logrotate", "--force", "--verbose", "--state", "/run/logrotate.state", config]);
    for (const file of FILES) {
      assert.equal(readFileSync(file, "utf8"), "");
      assert.deepEqual([modeOf(file), modeOf(`${file}.1`)], [MODE, MODE]);
    }
    sweep();
    for (const file of FILES) assert.equal(modeOf(file), MODE);
  });
});
