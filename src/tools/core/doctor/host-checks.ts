import { formatDuration } from "../../../core/text/duration.ts";
import { countOf } from "../../../core/text/format.ts";
import { escapeText } from "../../../core/text/safe-text.ts";
import { type Check, fault, ok, warning } from "./check.ts";
import type { Answer, Examination } from "./examination.ts";

/** The sweep's side of `doctor`: what the kernel offers, what can be seen, the timer, the clock, the last sweep. */

const HOUR_MS = 3_600_000;
/** Two hourly runs may be missed, by a reboot or a busy host; the third is silence. */
const SILENT_MS = 3 * HOUR_MS;
const NEEDED_CAPABILITIES: readonly (readonly [number, string])[] = [
  [2, "CAP_DAC_READ_SEARCH"],
  [5, "CAP_KILL"],
  [19, "CAP_SYS_PTRACE"],
];
/** Settings of a unit that would blind a sweep or stop it from ending anything. */
const BLINDERS = ["PrivateNetwork", "PrivateUsers", "PrivatePIDs"] as const;

export function checkHostSide(seen: Examination): Check[] {
  return [
    checkConfig(seen),
    checkTimer(seen),
    checkService(seen),
    ...checkPredecessor(seen),
    checkLastSweep(seen),
    checkRights(seen),
    checkProcesses(seen),
    checkSockets(seen),
    checkKernel(seen),
    checkKeepalive(seen),
    checkLogind(seen),
    checkClock(seen),
  ];
}

function unanswered(name: string, answer: { readonly failed: string }, remedy: string): Check {
  return warning(name, `unknown: ${escapeText(answer.failed)}`, remedy);
}

function checkConfig({ config }: Examination): Check {
  const name = "configuration";
  if ("failed" in config)
    return fault(name, escapeText(config.failed), "correct it; no sweep runs until then");
  const { files, enforce, faults } = config.value;
  const from = files.length > 0 ? files.join(", ") : "defaults";
  if (faults[0] !== undefined)
    return warning(name, `${from}: cannot ${escapeText(faults[0])}`, "see vscode-grim-reaper check-config");
  if (!enforce)
    return warning(
      name,
      `${from}; observing: nothing is ended`,
      "when the log's “Would kill” lines look right, take enforce = false out",
    );
  return ok(name, `${from}; enforcing: orphans are ended`);
}

function checkTimer({ timer }: Examination): Check {
  const name = "timer";
  const remedy = "systemctl enable --now vscode-grim-reaper.timer";
  if ("failed" in timer) return unanswered(name, timer, "without systemd, run the sweep hourly from cron");
  const { LoadState, ActiveState, UnitFileState, LastTriggerUSec } = timer.value;
  if (LoadState !== "loaded")
    return fault(name, "vscode-grim-reaper.timer is not installed", "install the unit files");
  if (ActiveState !== "active") return fault(name, `it is ${ActiveState}: nothing sweeps`, remedy);
  if (UnitFileState !== "enabled")
    return warning(name, "active, but not enabled: gone after a reboot", remedy);
  return ok(name, `active and enabled${LastTriggerUSec ? `, last run ${LastTriggerUSec}` : ", not run yet"}`);
}

function checkService({ service }: Examination): Check {
  const name = "service";
  if ("failed" in service) return unanswered(name, service, "without systemd this does not matter");
  const { LoadState, Result, ExecMainStatus, CapabilityBoundingSet = "" } = service.value;
  if (LoadState !== "loaded")
    return fault(name, "vscode-grim-reaper.service is not installed", "install the unit files");
  const blinder = BLINDERS.find((setting) => service.value[setting] === "yes");
  if (blinder !== undefined)
    return fault(
      name,
      `${blinder}=yes: inside it a sweep cannot see the host's processes and clients`,
      `take ${blinder}= out: systemctl edit vscode-grim-reaper.service`,
    );
  const bounded = CapabilityBoundingSet.toUpperCase();
  const missing = NEEDED_CAPABILITIES.filter(([, capability]) => !bounded.includes(capability));
  if (bounded !== "" && missing.length > 0)
    return fault(
      name,
      `CapabilityBoundingSet= lacks ${missing.map(([, capability]) => capability).join(" ")}`,
      "systemctl edit vscode-grim-reaper.service",
    );
  if (Result !== "success")
    return fault(
      name,
      `the last run ended with ${escapeText(Result ?? "")} (exit status ${escapeText(ExecMainStatus ?? "")})`,
      "journalctl -u vscode-grim-reaper.service",
    );
  return ok(name, "its sandbox lets it see, its last run did not fail");
}

/** Returns nothing on a host that never had the Python script. */
function checkPredecessor({ predecessor }: Examination): Check[] {
  if (predecessor.length === 0) return [];
  const detail = `${predecessor.join(", ")}: comes before the installed file of this name and hides it`;
  return [fault("predecessor", detail, `rm ${predecessor.join(" ")}; systemctl daemon-reload`)];
}

/** Says where the service writes why a sweep failed. */
function logPlace({ config }: Examination): string {
  const log = "value" in config ? config.value.log : "both";
  if (log === "journal") return "run journalctl -u vscode-grim-reaper.service";
  return `read ${log === "both" ? "/var/log/vscode-grim-reaper.log" : escapeText(log)}`;
}

function checkLastSweep(seen: Examination): Check {
  const { lastSweep, now } = seen;
  const name = "last sweep";
  const remedy = `systemctl start vscode-grim-reaper.service, then ${logPlace(seen)}`;
  if ("failed" in lastSweep) return unanswered(name, lastSweep, "run doctor as root");
  const last = lastSweep.value;
  if (last === null) return warning(name, "there was none yet", remedy);
  if (last.lastGood === null) return fault(name, "no sweep has ended well yet", remedy);
  const age = now - last.lastGood;
  if (age < -HOUR_MS)
    return warning(name, `the last good one is ${formatDuration(-age)} in the future`, "check the clock");
  const ago = `the last good one was ${formatDuration(Math.max(0, age))} ago`;
  if (age > SILENT_MS) return fault(name, ago, remedy);
  const { survivors } = last;
  if (survivors > 0)
    return warning(
      name,
      `${ago}; ${countOf(survivors, "process", "processes")} survived the last one`,
      "the log names them; they wait in the kernel, mostly for a file server that does not answer",
    );
  return ok(name, ago);
}

function checkRights({ uid, capabilities }: Examination): Check {
  const name = "rights";
  const remedy = "run it as root; a sweep needs them";
  if (uid !== 0)
    return warning(name, `this examination runs as uid ${uid} and sees its own processes only`, remedy);
  const missing = NEEDED_CAPABILITIES.filter(([bit]) => !capabilities.includes(bit));
  return missing.length > 0
    ? fault(name, `root without ${missing.map(([, capability]) => capability).join(" ")}`, remedy)
    : ok(name, "root, with the capabilities that a sweep needs");
}

function checkProcesses({ uid, processes }: Examination): Check {
  const name = "processes";
  if (uid !== 0) return warning(name, "only root can read those of other users", "run doctor as root");
  if ("failed" in processes) return fault(name, escapeText(processes.failed), "check that /proc is mounted");
  const { counts, sshServers, seesInit } = processes.value;
  const unread = counts.denied + counts.malformed;
  if (!seesInit)
    return fault(
      name,
      `${counts.listed} seen, and pid 1 is not the host's init or cannot be seen`,
      "run it on the host itself, not in a container or with hidepid",
    );
  if (unread > counts.listed / 2)
    return fault(
      name,
      `${unread} of ${counts.listed} cannot be read`,
      "check hidepid of /proc and the rights above",
    );
  if (sshServers === 0)
    return warning(
      name,
      `${counts.listed} seen, none of them an ssh server: no tree would count as in use`,
      "when yours has another name, put it into catalogue.sshd",
    );
  return ok(name, `${counts.listed} seen, ${unread} unreadable, ${sshServers} of ssh servers`);
}

function checkSockets({ sockets }: Examination): Check {
  const name = "sockets";
  const remedy = "allow netlink sock_diag (kernel modules inet_diag, tcp_diag and unix_diag)";
  if ("failed" in sockets) return fault(name, escapeText(sockets.failed), remedy);
  const { complete, detail } = sockets.value;
  if (!complete) return fault(name, `the list is not complete: ${escapeText(detail)}`, remedy);
  return ok(name, "by netlink");
}

function checkKernel({ kernel }: Examination): Check {
  const name = "kernel";
  const { release, pidfd, cgroupV2, cgroupKill, audit } = kernel;
  const lacks: string[] = [];
  if (!pidfd) lacks.push("no pidfd (5.3): identities are checked and not pinned");
  if (!cgroupV2) lacks.push("no cgroup v2: fork storms cannot be ended as a whole");
  else if (!cgroupKill) lacks.push("no cgroup.kill (5.14): fork storms cannot be ended as a whole");
  if (!audit) lacks.push("no audit session ids: the hook goes by user slices");
  return lacks.length === 0
    ? ok(name, `${escapeText(release)}: pidfd, cgroup.kill, audit`)
    : warning(
        name,
        `${escapeText(release)}: ${lacks.join("; ")}`,
        "works, with these limits; a newer kernel has them",
      );
}

function checkKeepalive({ keepalive }: Examination): Check {
  const name = "sshd keepalive";
  const remedy = "set ClientAliveInterval 60 and ClientAliveCountMax 5 in sshd_config";
  if ("failed" in keepalive) return unanswered(name, keepalive, 'run "sshd -T | grep -i alive"');
  const { clientAlive, tcp } = keepalive.value;
  if (clientAlive > 0)
    return ok(name, `a client that does not answer is given up after ${formatDuration(clientAlive * 1000)}`);
  return tcp
    ? ok(name, "by TCP alone: a sleeping laptop counts as connected for two hours, as Linux is shipped")
    : warning(name, "none: a client that vanished counts as connected for ever", remedy);
}

function checkLogind({ logind }: Examination): Check {
  return answered("logind", logind, "it answers", "explain has fewer hints; nothing else needs it");
}

function answered(name: string, answer: Answer<string>, well: string, remedy: string): Check {
  return "failed" in answer ? unanswered(name, answer, remedy) : ok(name, well);
}

function checkClock({ clockSynchronized }: Examination): Check {
  const name = "clock";
  const remedy = "graces run by the time since boot and do not mind; logs and dated exemptions do";
  if ("failed" in clockSynchronized) return unanswered(name, clockSynchronized, remedy);
  return clockSynchronized.value ? ok(name, "synchronized") : warning(name, "not synchronized", remedy);
}
