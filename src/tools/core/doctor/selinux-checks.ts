/** The side of `doctor` that concerns SELinux and hidepid: who may see and do what. */
import { type Check, fault, ok, warning } from "./check.ts";
import type { Examination } from "./examination.ts";
import { HOOK_DOMAIN, HOOK_TYPE, RUN_TYPE, type SelinuxFacts } from "./selinux.ts";

const INSTALL = "install the package vscode-grim-reaper-selinux, or see packaging/README.md for semodule";

/** Checks mode, module, domains and labels, execmem, and the mount of /proc. */
export function checkSelinuxSide(seen: Examination): Check[] {
  const { selinux } = seen;
  if ("failed" in selinux)
    return [
      warning("SELinux", `cannot be examined: ${selinux.failed}`, "run doctor as root"),
      checkProcMount(seen),
    ];
  if (selinux.value === null) return [ok("SELinux", "not enabled"), checkProcMount(seen)];
  const facts = selinux.value;
  return [checkModule(facts), checkLabels(facts), checkExecmem(facts), checkProcMount(seen)];
}

function checkModule({ enforcing, moduleLoaded, hookType, hookDomains }: SelinuxFacts): Check {
  const name = "SELinux";
  const mode = enforcing ? "enforcing" : "permissive";
  if (!moduleLoaded)
    return warning(
      name,
      `${mode}, and the policy module is not loaded: the hook runs in sshd's domain, may not name executables there, and tags by process name`,
      INSTALL,
    );
  if (hookType !== null && hookType !== HOOK_TYPE)
    return warning(
      name,
      `${mode}; session-close is labelled ${hookType}, not ${HOOK_TYPE}: it stays in sshd's domain`,
      "restorecon -Fv /usr/libexec/vscode-grim-reaper/session-close",
    );
  const stays = hookDomains.find(({ hook }) => hook !== HOOK_DOMAIN);
  if (hookType !== null && stays !== undefined)
    return warning(
      name,
      `${mode}; from ${stays.sshd} the hook would run in ${stays.hook}, not in ${HOOK_DOMAIN}: the module does not know that domain of sshd's`,
      "install a newer vscode-grim-reaper-selinux, and report the name of the domain",
    );
  return ok(name, `${mode}; the hook runs in ${HOOK_DOMAIN}`);
}

function checkLabels(facts: SelinuxFacts): Check {
  const name = "SELinux labels";
  const { moduleLoaded, runType, tagsType, tagTypes, execStart, execStartType, sweepDomain } = facts;
  if (sweepDomain === "init_t")
    return fault(
      name,
      `${execStart} is labelled ${execStartType ?? "nothing"}, so the service stays in init_t, where V8 aborts`,
      `restorecon -Fv ${execStart}; a program elsewhere needs the label bin_t`,
    );
  const relabel = "restorecon -RFv /run/vscode-grim-reaper";
  if (moduleLoaded) {
    const wrong = [runType, tagsType, ...tagTypes].find((type) => type !== null && type !== RUN_TYPE);
    if (wrong !== undefined)
      return warning(
        name,
        `something in /run/vscode-grim-reaper is labelled ${wrong}, not ${RUN_TYPE}: the hook cannot write there`,
        relabel,
      );
  } else if (tagTypes.includes("var_run_t")) {
    return warning(
      name,
      "tags are labelled var_run_t, as restorecon leaves them without the policy module: the hook cannot replace them",
      INSTALL,
    );
  }
  return ok(
    name,
    `${execStart} starts in ${sweepDomain}; the run folder is labelled ${runType ?? "nothing yet"}`,
  );
}

function checkExecmem({ sweepDomain, sweepMayExecmem, execmemBoolean, enforcing }: SelinuxFacts): Check {
  const name = "SELinux execmem";
  if (sweepMayExecmem) return ok(name, `${sweepDomain} may make memory executable, as V8 must`);
  const remedies = {
    deny_execmem: "setsebool -P deny_execmem off",
    allow_execmem: "setsebool -P allow_execmem on",
  };
  const detail = `the policy denies execmem to ${sweepDomain}: V8 aborts and the sweep ends with SIGTRAP`;
  const remedy =
    execmemBoolean === null
      ? `allow ${sweepDomain} execmem in a local policy module`
      : remedies[execmemBoolean];
  return enforcing ? fault(name, detail, remedy) : warning(name, `${detail}, once SELinux enforces`, remedy);
}

/** Guard: what the hook cannot see it would take for a user who has left nothing behind. */
function checkProcMount({ procMount, selinux }: Examination): Check {
  const name = "hidepid";
  if ("failed" in procMount)
    return warning(name, `unknown: ${procMount.failed}`, "read /proc/self/mountinfo");
  const { hidepid, gid, group, sshdHasGroup } = procMount.value;
  if (["0", "off"].includes(hidepid)) return ok(name, "/proc hides no process");
  const confined = "value" in selinux && selinux.value !== null && !selinux.value.moduleLoaded;
  if (!confined) return ok(name, `hidepid=${hidepid}; root's CAP_SYS_PTRACE sees every process`);
  const groupHelps = !["4", "ptraceable"].includes(hidepid);
  // proc(5): without gid= the group is 0, which is root's own.
  if (groupHelps && gid === null)
    return ok(name, `hidepid=${hidepid} without gid=; root's group sees every process`);
  const label = group ?? `${gid}`;
  if (groupHelps && sshdHasGroup)
    return ok(name, `hidepid=${hidepid}; sshd is in the group ${label}, which sees every process`);
  const blind = `hidepid=${hidepid}: sshd's domain has no CAP_SYS_PTRACE, so the hook sees no process of a user`;
  if (!groupHelps) return warning(name, blind, INSTALL);
  return warning(
    name,
    `${blind}: root is not in the group ${label} (gid=${gid})`,
    `${INSTALL}; or gpasswd --add root ${label} and restart sshd`,
  );
}
