/** The side of `doctor` that concerns SELinux: who may do what. */

import { escapeText } from "../../../core/text/safe-text.ts";
import { type Checks, type Finding, fault, unknown, warning } from "./check.ts";
import type { Examination, SelinuxFacts } from "./examination.ts";

/** The hook's domain in packaging/selinux/vscode-grim-reaper.cil. */
export const HOOK_DOMAIN = "vscode_grim_reaper_hook_t";

/** The type of a context "user:role:type:level"; the text itself where it is not a context. */
export function typeOf(context: string): string {
  return context.split(":")[2] ?? context;
}

const INSTALL = "install the package vscode-grim-reaper-selinux, or see packaging/README.md for semodule";
const RELABEL = "restorecon -RFv /usr/libexec/vscode-grim-reaper /run/vscode-grim-reaper";
const EXECMEM = {
  deny_execmem: "setsebool -P deny_execmem off",
  allow_execmem: "setsebool -P allow_execmem on",
};

/** A check of a host where SELinux is enabled; the first check says where it is not, or cannot be examined. */
const enabled =
  (check: (facts: SelinuxFacts) => Finding) =>
  ({ selinux }: Examination): Finding =>
    "value" in selinux && selinux.value !== null ? check(selinux.value) : null;

export const SELINUX_CHECKS: Checks = {
  SELinux: ({ selinux }) => {
    if ("failed" in selinux) return warning(`cannot be examined: ${selinux.failed}`, "run doctor as root");
    if (selinux.value === null) return "not enabled";
    const { enforcing, moduleLoaded, hookDomains } = selinux.value;
    const mode = enforcing ? "enforcing" : "permissive";
    if (!moduleLoaded) {
      const detail = `${mode}, and the policy module is not loaded: the hook runs in sshd's domain, which can write tags only in folders of systemd-tmpfiles`;
      return warning(detail, INSTALL);
    }
    const stays = hookDomains.find(({ hook }) => hook !== HOOK_DOMAIN);
    if (stays === undefined) return `${mode}; the hook runs in ${HOOK_DOMAIN}`;
    const detail = `${mode}; from ${stays.sshd} the hook would run in ${stays.hook}, not in ${HOOK_DOMAIN}`;
    const newer =
      "if that changes nothing, install a newer vscode-grim-reaper-selinux, and report the domain";
    return warning(detail, `${RELABEL}; ${newer}`);
  },

  "SELinux labels": enabled(({ mislabelled, execStart, execStartType, sweepDomain }) => {
    if (sweepDomain === "init_t")
      return fault(
        `${execStart} is labelled ${execStartType ?? "nothing"}, so the service stays in init_t, where V8 aborts`,
        `restorecon -Fv ${execStart}; a program elsewhere needs the label bin_t`,
      );
    if ("failed" in mislabelled) return unknown(mislabelled, "look with ls -Z");
    if (mislabelled.value.length === 0)
      return `${execStart} starts in ${sweepDomain}; the labels are the policy's`;
    const found = escapeText(mislabelled.value.join("; "));
    return warning(`restorecon: ${found}: the hook cannot run or write there`, RELABEL);
  }),

  "SELinux execmem": enabled(({ sweepDomain, sweepMayExecmem, execmemBoolean, enforcing }) => {
    if (sweepMayExecmem) return `${sweepDomain} may make memory executable, as V8 must`;
    const detail = `the policy denies execmem to ${sweepDomain}: V8 aborts and the sweep ends with SIGTRAP`;
    const module = `allow ${sweepDomain} execmem in a local policy module`;
    const remedy = execmemBoolean === null ? module : EXECMEM[execmemBoolean];
    return enforcing ? fault(detail, remedy) : warning(`${detail}, once SELinux enforces`, remedy);
  }),
};
