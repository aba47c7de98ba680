// `doctor` on hosts that lack something: for an ordinary user, after a failed write.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Check } from "../../src/tools/core/doctor/check.ts";
import { run, succeeds, temporaryFile } from "../helpers/program.ts";
import { as, STATE, uid, usersSuite } from "../helpers/users-side.ts";

const RUN = "/run/vscode-grim-reaper";

function checksOf(ran: { readonly stdout: string; readonly stderr: string }): Map<string, Check> {
  assert.ok(ran.stdout.startsWith("{"), ran.stderr);
  const { checks } = JSON.parse(ran.stdout) as { checks: readonly Check[] };
  return new Map(checks.map((check) => [check.name, check]));
}

/** Makes the folders as the package's tmpfiles do. */
function makeFolders(): void {
  rmSync(RUN, { recursive: true, force: true });
  mkdirSync(join(RUN, "tags"), { recursive: true });
  for (const folder of [RUN, join(RUN, "tags")]) chmodSync(folder, 0o770);
  mkdirSync(STATE, { recursive: true });
  chmodSync(STATE, 0o711);
}

usersSuite(import.meta.url, "doctor", () => {
  test("an ordinary user learns what only root can read, without a stack trace or a fault of the host", () => {
    makeFolders();
    writeFileSync(join(RUN, "hook.faults"), "xx");
    writeFileSync(join(STATE, "last-sweep.json"), "{}", { mode: 0o600 });
    const ran = as(uid, "doctor", "--json");
    const checks = checksOf(ran);
    const faults = [...checks.values()].filter(({ health }) => health === "fault");
    assert.deepEqual(faults, []);
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(checks.get("processes")?.detail ?? "", /only root/);
    assert.match(checks.get("last sweep")?.detail ?? "", /only root/);
    assert.match(as(uid, "status").stdout, /^hook faults +not known: only root can read it$/m);
  });

  test("a log that could not be written is in status until a sweep could write it, and a warning of doctor", () => {
    makeFolders();
    assert.equal(run(["-l", "/nonexistent/reaper.log"]).status, 1);
    assert.match(run(["status"]).stdout, /^last sweep +cannot write the log: .*\/nonexistent\/reaper\.log/m);
    const check = checksOf(run(["doctor", "--json"])).get("last sweep");
    assert.match(check?.detail ?? "", /cannot write the log/);
    succeeds([]);
    assert.doesNotMatch(run(["status"]).stdout, /cannot write the log/);
  });

  test("a sweep that could not write its metrics did not end well, and doctor names the log", () => {
    makeFolders();
    const log = "/var/log/site-reaper.log";
    const unwritable = temporaryFile(
      "config.toml",
      `log = "${log}"\n[metrics]\nfile = "/nonexistent/reaper.prom"\n`,
    );
    assert.equal(run(["-c", unwritable]).status, 1);
    const { at, lastGood } = JSON.parse(readFileSync(join(STATE, "last-sweep.json"), "utf8"));
    assert.ok(at > 0);
    assert.equal(lastGood, null);
    const check = checksOf(run(["doctor", "--json", "-c", unwritable])).get("last sweep");
    assert.equal(check?.health, "fault");
    assert.match(check?.remedy ?? "", new RegExp(`read ${log}$`));
  });
});
