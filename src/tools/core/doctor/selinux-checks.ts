/** The side of `doctor` that concerns SELinux: who may do what. */

import { escapeText } from "../../../core/text/safe-text.ts";
import { type Checks, fault, warning } from "./check.ts";
import { LAUNCHER } from "./examination.ts";

/** The hook's domain in packaging/selinux/vscode-grim-reaper.cil. */
export const HOOK_DOMAIN = "vscode_grim_reaper_hook_t";

/** The type of a context "user:role:type:level"; the text itself where it is not a context. */
export function typeOf(context: string): string {
  return context.split(":")[2] ?? context;
}

const RELABEL = "restorecon -RFv /usr/libexec/vscode-grim-reaper /run/vscode-grim-reaper";
const INSTALL = `install the package vscode-grim-reaper-selinux, or see packaging/README.md for semodule; then ${RELABEL}`;

export const SELINUX_CHECKS: Checks = {
  SELinux: ({ selinux }) => {
    if ("failed" in selinux) return warning(`cannot be examined: ${selinux.failed}`, "run doctor as root");
    if (selinux.value === null) return "not enabled";
    const { enforcing, hookDomains } = selinux.value;
    const mode = enforcing ? "enforcing" : "permissive";
    if (hookDomains.length === 0)
      return warning(`${mode}; the hook's domain is not known`, "run doctor as root, with sshd running");
    const stays = hookDomains.find(({ hook }) => hook !== HOOK_DOMAIN);
    if (stays === undefined) return `${mode}; the hook runs in ${HOOK_DOMAIN}`;
    const detail = `${mode}; from ${stays.sshd} the hook would run in ${stays.hook}, not in ${HOOK_DOMAIN}: it can write tags only in folders of systemd-tmpfiles`;
    return warning(detail, INSTALL);
  },

  "SELinux labels": ({ selinux }) => {
    // The check above says where SELinux is not enabled, or cannot be examined.
    if ("failed" in selinux || selinux.value === null) return null;
    const { mislabelled, sweepDomain, hookDomains } = selinux.value;
    if (sweepDomain === "init_t")
      return fault(
        `${LAUNCHER} is not labelled bin_t, so the service stays in init_t, where V8 aborts`,
        `restorecon -Fv ${LAUNCHER}`,
      );
    // The labels are asked for where the module is in effect.
    const isAsked = hookDomains.some(({ hook }) => hook === HOOK_DOMAIN);
    if (mislabelled.length === 0)
      return `${LAUNCHER} starts in ${sweepDomain}${isAsked ? "; the labels are the policy's" : ""}`;
    const found = escapeText(mislabelled.join("; "));
    return warning(`restorecon: ${found}: the hook cannot run or write there`, RELABEL);
  },
};
