/** The sweep's side of `doctor`: the configuration, the units, what a sweep sees, what the kernel and sshd offer. */

import { formatDuration } from "../../../core/text/duration.ts";
import { countOf } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import { type Checks, fault, unknown, warning } from "./check.ts";
import type { Examination } from "./examination.ts";

const HOUR_MS = 3_600_000;
/** Two hourly runs may be missed, by a reboot or a busy host; the third is silence. */
const SILENT_MS = 3 * HOUR_MS;
const NEEDED_CAPABILITIES = ["CAP_DAC_READ_SEARCH", "CAP_KILL", "CAP_SYS_PTRACE"];
/** Settings of a unit that would blind a sweep or stop it from ending anything. */
const BLINDERS = ["PrivateNetwork", "PrivateUsers", "PrivatePIDs"] as const;
const NETLINK = "allow netlink sock_diag (kernel modules inet_diag, tcp_diag and unix_diag)";

const JOURNAL = "journalctl -u vscode-grim-reaper.service";
const EXECMEM = `${JOURNAL}; if SELinux denies execmem: setsebool -P deny_execmem off (RHEL), allow_execmem on (Debian)`;

/** Says where the service writes why a sweep failed. */
function logPlace({ config }: Examination): string {
  const log = "value" in config ? config.value.log : null;
  return log === null ? `run ${JOURNAL}` : `read ${escapeText(log)}`;
}

export const HOST_CHECKS: Checks = {
  configuration: ({ config }) => {
    if ("failed" in config) return fault(escapeText(config.failed), "correct it; no sweep runs until then");
    const { files, enforce, problems } = config.value;
    if (problems[0] !== undefined)
      return fault(escapeText(problems.join("; ")), "correct it; see vscode-grim-reaper check-config");
    const from = files.length > 0 ? files.join(", ") : "defaults";
    if (enforce) return `${from}; enforcing: orphans are ended`;
    const remedy = "look at vscode-grim-reaper report --would, then let them: vscode-grim-reaper enforce";
    return warning(`${from}; observing: nothing is ended`, remedy);
  },

  timer: ({ timer }) => {
    if ("failed" in timer) return unknown(timer, "without systemd, run the sweep hourly from cron");
    const { LoadState, ActiveState, UnitFileState, LastTriggerUSec } = timer.value;
    const remedy = "systemctl enable --now vscode-grim-reaper.timer";
    if (LoadState !== "loaded")
      return fault("vscode-grim-reaper.timer is not installed", "install the unit files");
    if (ActiveState !== "active") return fault(`it is ${ActiveState}: nothing sweeps`, remedy);
    if (UnitFileState !== "enabled") return warning("active, but not enabled: gone after a reboot", remedy);
    return `active and enabled${LastTriggerUSec ? `, last run ${LastTriggerUSec}` : ", not run yet"}`;
  },

  service: ({ service }) => {
    if ("failed" in service) return unknown(service, "without systemd this does not matter");
    const { LoadState, Result = "", ExecMainStatus = "", CapabilityBoundingSet = "" } = service.value;
    const edit = "systemctl edit vscode-grim-reaper.service";
    if (LoadState !== "loaded")
      return fault("vscode-grim-reaper.service is not installed", "install the unit files");
    const blinder = BLINDERS.find((setting) => service.value[setting] === "yes");
    if (blinder !== undefined) {
      const detail = `${blinder}=yes: inside it a sweep cannot see the host's processes and clients`;
      return fault(detail, `take ${blinder}= out: ${edit}`);
    }
    const bounded = CapabilityBoundingSet.toUpperCase();
    const lacks = NEEDED_CAPABILITIES.filter((name) => bounded !== "" && !bounded.includes(name));
    if (lacks.length > 0) return fault(`CapabilityBoundingSet= lacks ${lacks.join(" ")}`, edit);
    if (Result === "success") return "its sandbox lets it see, its last run did not fail";
    const detail = `the last run ended with ${escapeText(Result)} (exit status ${escapeText(ExecMainStatus)})`;
    // V8 aborts where it may not make memory executable.
    return fault(detail, Result === "core-dump" || Result === "signal" ? EXECMEM : JOURNAL);
  },

  "last sweep": (seen) => {
    const { lastSweep, now } = seen;
    if ("failed" in lastSweep) return unknown(lastSweep, "run doctor as root");
    const remedy = `systemctl start vscode-grim-reaper.service, then ${logPlace(seen)}`;
    if (lastSweep.value === null) return warning("there was none yet", remedy);
    const { at, lastGood, survivors, faults } = lastSweep.value;
    const met = faults.length > 0 ? `; the last one ${escapeText(faults.join("; "))}` : "";
    if (lastGood === null) return fault(`no sweep has ended well yet${met}`, remedy);
    const age = now - lastGood;
    if (age < -HOUR_MS)
      return warning(`the last good one is ${formatDuration(-age)} in the future`, "check the clock");
    const ago = `the last good one was ${formatDuration(Math.max(0, age))} ago`;
    if (age > SILENT_MS) return fault(ago + met, remedy);
    if (at !== lastGood) return warning(ago + met, remedy);
    if (survivors === 0) return ago;
    const detail = `${ago}; ${countOf(survivors, "process", "processes")} survived the last one`;
    const waiting = "the log names them: most wait in the kernel for a file server that does not answer";
    const forking = "a tree that forks too fast: systemctl kill --signal=KILL session-N.scope";
    return warning(detail, `${waiting}; ${forking}`);
  },

  rotation: ({ rotation }) => {
    if ("value" in rotation) return escapeText(rotation.value);
    return warning(
      escapeText(rotation.failed),
      "name it in /etc/logrotate.d/vscode-grim-reaper; restorecon -RFv /var/log/vscode-grim-reaper",
    );
  },

  processes: ({ uid, look }) => {
    if (uid !== 0) return warning("only root can read those of other users", "run doctor as root");
    if ("failed" in look) return fault(escapeText(look.failed), "check that /proc is mounted");
    const { processes, sshServers, broken, faults } = look.value;
    if (broken !== null) return fault(escapeText(broken), "until then a sweep ends nothing");
    if (faults.length > 0)
      return fault(escapeText(faults.join("; ")), "what cannot be read is left alone; look at the log");
    if (sshServers > 0) return `${processes} seen, ${sshServers} of ssh servers`;
    const detail = `${processes} seen, none of them an ssh server: no tree would count as in use`;
    return warning(detail, "when yours has another name, put it into catalogue.sshd");
  },

  sockets: ({ sockets }) => {
    if ("failed" in sockets) return fault(escapeText(sockets.failed), NETLINK);
    if (sockets.value === null) return "by netlink";
    return fault(`the list is not complete: ${escapeText(sockets.value)}`, NETLINK);
  },

  kernel: ({ kernel, hasAudit }) => {
    const [major = 0, minor = 0] = kernel.split(".").map((part) => Number.parseInt(part, 10));
    const version = major * 1000 + minor;
    const needs: readonly (readonly [boolean, string])[] = [
      [version >= 5003, "no pidfd_open (5.3): processes are held by other means, or only checked"],
      [hasAudit, "no audit session ids: the hook goes by user slices"],
    ];
    const lacks = needs.flatMap(([is, lack]) => (is ? [] : [lack]));
    if (lacks.length === 0) return `${escapeText(kernel)}: pidfd, audit`;
    const detail = `${escapeText(kernel)}: ${lacks.join("; ")}`;
    return warning(detail, "works, with these limits; a newer kernel has them");
  },

  "sshd keepalive": ({ sshd }) => {
    if ("failed" in sshd) return unknown(sshd, 'run "sshd -T | grep -i alive"');
    const settingOf = (key: string): string => new RegExp(`^${key} (\\S+)$`, "m").exec(sshd.value)?.[1] ?? "";
    // With a count of 0 sshd ends no connection (sshd_config(5)).
    const seconds = Number(settingOf("clientaliveinterval")) * Number(settingOf("clientalivecountmax"));
    if (seconds > 0)
      return `a client that does not answer is given up after ${formatDuration(seconds * 1000)}`;
    const remedy = "set ClientAliveInterval 60 and ClientAliveCountMax 5 in sshd_config";
    const alone = "by TCP alone: a sleeping laptop counts as connected for two hours, as Linux is shipped";
    const none = "none: a client that vanished counts as connected for ever";
    return warning(settingOf("tcpkeepalive") === "yes" ? alone : none, remedy);
  },
};
