import assert from "node:assert/strict";
import test from "node:test";
import { runChecks } from "../../../../src/tools/core/doctor/check.ts";
import type { Examination } from "../../../../src/tools/core/doctor/examination.ts";
import {
  HOOK_DOMAIN,
  HOOK_TYPE,
  RUN_TYPE,
  type SelinuxFacts,
} from "../../../../src/tools/core/doctor/selinux.ts";
import { SELINUX_CHECKS } from "../../../../src/tools/core/doctor/selinux-checks.ts";

/** RHEL 9 with the module, all as it must be. */
const well: SelinuxFacts = {
  enforcing: true,
  moduleLoaded: true,
  hookType: HOOK_TYPE,
  runType: RUN_TYPE,
  tagsType: RUN_TYPE,
  tagTypes: [RUN_TYPE],
  execStart: "/usr/sbin/vscode-grim-reaper",
  execStartType: "bin_t",
  hookDomains: [{ sshd: "sshd_t", hook: HOOK_DOMAIN }],
  sweepDomain: "unconfined_service_t",
  sweepMayExecmem: true,
  execmemBoolean: "deny_execmem",
};
/** The same host without the module. */
const bare: Partial<SelinuxFacts> = {
  moduleLoaded: false,
  hookType: "bin_t",
  runType: "var_run_t",
  tagsType: "var_run_t",
  tagTypes: ["sshd_var_run_t"],
  hookDomains: [{ sshd: "sshd_t", hook: "sshd_t" }],
};

const check = (selinux: Examination["selinux"]) => runChecks(SELINUX_CHECKS, { selinux } as Examination);
const changed = (changes: Partial<SelinuxFacts>) => ({ value: { ...well, ...changes } });

test("a host without SELinux, and one with the module, have nothing to correct", () => {
  for (const selinux of [{ value: null }, { value: well }])
    for (const { health, detail } of check(selinux)) assert.equal(health, "ok", detail);
});

const wrong: readonly (readonly [
  string,
  Partial<SelinuxFacts>,
  string,
  "warning" | "fault",
  RegExp,
  RegExp,
])[] = [
  [
    "no module",
    bare,
    "SELinux",
    "warning",
    /enforcing, and the policy module is not loaded/,
    /vscode-grim-reaper-selinux/,
  ],
  [
    "a hook with a wrong label",
    { hookType: "bin_t" },
    "SELinux",
    "warning",
    /labelled bin_t/,
    /restorecon .*session-close/,
  ],
  [
    "a domain of sshd's that the module does not know",
    { hookDomains: [...well.hookDomains, { sshd: "sshd_new_t", hook: "sshd_new_t" }] },
    "SELinux",
    "warning",
    /from sshd_new_t the hook would run in sshd_new_t/,
    /newer vscode-grim-reaper-selinux/,
  ],
  [
    "a run folder with a wrong label",
    { runType: "var_run_t" },
    "SELinux labels",
    "warning",
    /var_run_t/,
    /restorecon -RFv \/run/,
  ],
  [
    "a tag with a wrong label",
    { tagTypes: [RUN_TYPE, "var_run_t"] },
    "SELinux labels",
    "warning",
    /var_run_t/,
    /restorecon/,
  ],
  [
    "tags after restorecon, without the module",
    { ...bare, tagTypes: ["var_run_t"] },
    "SELinux labels",
    "warning",
    /cannot replace them/,
    /vscode-grim-reaper-selinux/,
  ],
  [
    "a program that systemd does not leave init_t for",
    { execStart: "/usr/lib/x/node", execStartType: "lib_t", sweepDomain: "init_t" },
    "SELinux labels",
    "fault",
    /\/usr\/lib\/x\/node is labelled lib_t/,
    /restorecon -Fv \/usr\/lib\/x\/node/,
  ],
  [
    "deny_execmem",
    { sweepMayExecmem: false },
    "SELinux execmem",
    "fault",
    /V8 aborts/,
    /setsebool -P deny_execmem off/,
  ],
  [
    "allow_execmem of Debian",
    { sweepMayExecmem: false, execmemBoolean: "allow_execmem", sweepDomain: "initrc_t" },
    "SELinux execmem",
    "fault",
    /denies execmem to initrc_t/,
    /setsebool -P allow_execmem on/,
  ],
  [
    "neither boolean",
    { sweepMayExecmem: false, execmemBoolean: null },
    "SELinux execmem",
    "fault",
    /V8/,
    /local policy module/,
  ],
  [
    "execmem on a permissive host",
    { sweepMayExecmem: false, enforcing: false },
    "SELinux execmem",
    "warning",
    /once SELinux enforces/,
    /setsebool/,
  ],
];

for (const [what, changes, name, health, detail, remedy] of wrong) {
  test(`it says what is wrong and what to do: ${what}`, () => {
    const found = check(changed(changes)).find((line) => line.name === name);
    assert.equal(found?.health, health, found?.detail);
    assert.match(found?.detail ?? "", detail);
    assert.match(found?.remedy ?? "", remedy);
  });
}

test("what cannot be examined is said", () => {
  const [line] = check({ failed: "EACCES" });
  assert.equal(line?.health, "warning");
  assert.match(line?.detail ?? "", /EACCES/);
});
