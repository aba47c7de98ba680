import assert from "node:assert/strict";
import test from "node:test";
import { runChecks } from "../../../../src/tools/core/doctor/check.ts";
import type { Examination, SelinuxFacts } from "../../../../src/tools/core/doctor/examination.ts";
import { HOOK_DOMAIN, SELINUX_CHECKS } from "../../../../src/tools/core/doctor/selinux-checks.ts";

/** RHEL 9 with the module, all as it must be. */
const well: SelinuxFacts = {
  enforcing: true,
  mislabelled: [],
  hookDomains: [{ sshd: "sshd_t", hook: HOOK_DOMAIN }],
  sweepDomain: "unconfined_service_t",
};
/** The same host without the module. */
const bare = { hookDomains: [{ sshd: "sshd_t", hook: "sshd_t" }] };

const check = (selinux: Examination["selinux"]) => runChecks(SELINUX_CHECKS, { selinux } as Examination);
const changed = (changes: Partial<SelinuxFacts>) => ({ value: { ...well, ...changes } });

test("a host without SELinux, and one with the module, have nothing to correct", () => {
  for (const selinux of [{ value: null }, { value: well }])
    for (const { health, detail } of check(selinux)) assert.equal(health, "ok", detail);
});

type Row = readonly [string, Partial<SelinuxFacts>, "warning" | "fault", detail: RegExp, remedy: RegExp];
const newDomain = { hookDomains: [...well.hookDomains, { sshd: "sshd_new_t", hook: "sshd_new_t" }] };
const relabel = { mislabelled: ["Would relabel /run/x from a to b"] };
const inInit = { sweepDomain: "init_t" };
const PACKAGE = /vscode-grim-reaper-selinux/;

const wrong: Readonly<Record<string, readonly Row[]>> = {
  SELinux: [
    ["no module", bare, "warning", /enforcing; from sshd_t .* in sshd_t/, PACKAGE],
    ["a domain of sshd's", newDomain, "warning", /from sshd_new_t .* in sshd_new_t/, /restorecon -RFv/],
    ["no ssh server", { hookDomains: [] }, "warning", /not known/, /as root/],
  ],
  "SELinux labels": [
    ["a tag", relabel, "warning", /relabel \/run\/x/, /restorecon/],
    [
      "a program in init_t",
      inInit,
      "fault",
      /grim-reaper is not labelled bin_t/,
      /restorecon -Fv \/usr\/sbin\/vscode-grim-reaper/,
    ],
  ],
};

for (const [name, rows] of Object.entries(wrong))
  for (const [what, changes, health, detail, remedy] of rows)
    test(`${name} says what is wrong and what to do: ${what}`, () => {
      const found = check(changed(changes)).find((line) => line.name === name);
      assert.equal(found?.health, health, found?.detail);
      assert.match(found?.detail ?? "", detail);
      assert.match(found?.remedy ?? "", remedy);
    });

test("what cannot be examined is said", () => {
  const [line] = check({ failed: "EACCES" });
  assert.equal(line?.health, "warning");
  assert.match(line?.detail ?? "", /EACCES/);
});
