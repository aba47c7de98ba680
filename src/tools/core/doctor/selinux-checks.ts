/** The side of `doctor` that concerns SELinux: who may do what. */

import { escapeText } from "../../../core/text/safe-text.ts";
import { type Checks, type Finding, fault, warning } from "./check.ts";
import type { Examination, SelinuxFacts } from "./examination.ts";

/** The hook's domain in packaging/selinux/vscode-grim-reaper.cil. */
export const HOOK_DOMAIN = "vscode_grim_reaper_hook_t";

/** The type of a context "user:role:type:level"; the text itself where it is not a context. */
export function typeOf(context: string): string {
  return context.split(":")[2] ?? context;
}

const RELABEL = "restorecon -RFv /usr/libexec/vscode-grim-reaper /run/vscode-grim-reaper";
const INSTALL = `install the package vscode-grim-reaper-selinux, or see packaging/README.md for semodule; then ${RELABEL}`;
const EXECMEM =
  "setsebool -P deny_execmem off (RHEL) or allow_execmem on (Debian), or allow it in a local policy module";

/** A check of a host where SELinux is enabled; the first check says where it is not, or cannot be examined. */
const enabled =
  (check: (facts: SelinuxFacts) => Finding) =>
  ({ selinux }: Examination): Finding =>
    "value" in selinux && selinux.value !== null ? check(selinux.value) : null;

export const SELINUX_CHECKS: Checks = {
  SELinux: ({ selinux }) => {
    if ("failed" in selinux) return warning(`cannot be examined: ${selinux.failed}`, "run doctor as root");
    if (selinux.value === null) return "not enabled";
    const { enforcing, hookDomains } = selinux.value;
    const mode = enforcing ? "enforcing" : "permissive";
    if (hookDomains.length === 0)
      return warning(`${mode}; the hook or an ssh server is missing, so its domain is not known`, INSTALL);
    const stays = hookDomains.find(({ hook }) => hook !== HOOK_DOMAIN);
    if (stays === undefined) return `${mode}; the hook runs in ${HOOK_DOMAIN}`;
    const detail = `${mode}; from ${stays.sshd} the hook would run in ${stays.hook}, not in ${HOOK_DOMAIN}: it can write tags only in folders of systemd-tmpfiles`;
    return warning(detail, INSTALL);
  },

  "SELinux labels": enabled(({ mislabelled, execStart, execStartType, sweepDomain }) => {
    if (sweepDomain === "init_t")
      return fault(
        `${execStart} is labelled ${execStartType ?? "nothing"}, so the service stays in init_t, where V8 aborts`,
        `restorecon -Fv ${execStart}; a program elsewhere needs the label bin_t`,
      );
    if (mislabelled.length === 0) return `${execStart} starts in ${sweepDomain}; the labels are the policy's`;
    const found = escapeText(mislabelled.join("; "));
    return warning(`restorecon: ${found}: the hook cannot run or write there`, RELABEL);
  }),

  "SELinux execmem": enabled(({ sweepDomain, sweepMayExecmem, enforcing }) => {
    if (sweepMayExecmem) return `${sweepDomain} may make memory executable, as V8 must`;
    const detail = `the policy denies execmem to ${sweepDomain}: V8 aborts and the sweep ends with SIGTRAP`;
    return enforcing ? fault(detail, EXECMEM) : warning(`${detail}, once SELinux enforces`, EXECMEM);
  }),
};
