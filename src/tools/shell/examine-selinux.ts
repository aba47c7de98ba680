/** Asks the kernel's SELinux file system what `doctor` wants to know. Reads and computes; changes nothing. */
import { closeSync, existsSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { runTool } from "../../shell/host/run-tool.ts";
import { LOG_FOLDER, RUN_FOLDER } from "../../shell/store/paths.ts";
import { HOOK, LAUNCHER, type SelinuxFacts } from "../core/doctor/examination.ts";
import { HOOK_DOMAIN, typeOf } from "../core/doctor/selinux-checks.ts";
import { orNull } from "./ask.ts";

/** selinuxfs, at its one place since Linux 3.0. */
const SELINUX = "/sys/fs/selinux";
const DEADLINE_MS = 5000;
/** Since OpenSSH 9.8 sshd starts this program for each session: RHEL's path and Debian's. */
const SESSION_PROGRAMS = ["/usr/libexec/openssh/sshd-session", "/usr/lib/openssh/sshd-session"];
/** More labels say no more. */
const MAX_LABELS = 3;

/**
 * Examines SELinux; null where it is not enabled. `sshd`: processes of genuine ssh
 * servers. @throws where the kernel does not answer
 */
export function examineSelinux(sshd: readonly number[]): SelinuxFacts | null {
  if (!existsSync(join(SELINUX, "enforce"))) return null;
  const launcher = contextOf(LAUNCHER);
  const init = contextOfProcess(1);
  const domains = hookDomains(sshd);
  const hasModule = domains.some(({ hook }) => hook === HOOK_DOMAIN);
  return {
    enforcing: read("enforce") === "1",
    mislabelled: hasModule ? mislabelled(dirname(HOOK), RUN_FOLDER, LOG_FOLDER) : [],
    hookDomains: domains,
    sweepDomain: typeOf(launcher === null ? init : transition(init, launcher)),
  };
}

/** The domains of sshd's processes, or those that its session program would get; and the hook's from each. */
function hookDomains(sshd: readonly number[]): { sshd: string; hook: string }[] {
  const hook = contextOf(HOOK);
  if (hook === null) return [];
  const running = sshd.flatMap((pid) => orNull(() => contextOfProcess(pid)) ?? []);
  const programs = SESSION_PROGRAMS.flatMap((path) => contextOf(path) ?? []);
  const sessions = running.flatMap((context) => programs.map((program) => transition(context, program)));
  // Where there is a program for sessions, PAM's stack runs there and in no listener.
  const callers = new Set(sessions.length > 0 ? sessions : running);
  return [...callers].map((context) => ({ sshd: typeOf(context), hook: typeOf(transition(context, hook)) }));
}

const read = (name: string): string => readFileSync(join(SELINUX, name), "utf8").replaceAll("\0", "").trim();

function contextOfProcess(pid: number): string {
  return readFileSync(`/proc/${pid}/attr/current`, "utf8").replaceAll("\0", "").trim();
}

/** The context of a path; null: it is not there. */
function contextOf(path: string): string | null {
  const text = orNull(() => runTool("/usr/bin/stat", ["--format=%C", "--", path], DEADLINE_MS).trim());
  return text?.includes(":") ? text : null;
}

/** What restorecon would change below these folders. */
function mislabelled(...folders: string[]): string[] {
  const present = folders.filter((folder) => existsSync(folder));
  const lines = runTool("/usr/sbin/restorecon", ["-R", "-n", "-v", ...present], DEADLINE_MS).match(/.+/g);
  return lines?.slice(0, MAX_LABELS) ?? [];
}

/**
 * The context of a process of this context after it has executed a file of that one: the answer belongs to the descriptor
 * that asked.
 */
function transition(process: string, file: string): string {
  const descriptor = openSync(join(SELINUX, "create"), "r+");
  try {
    writeSync(descriptor, `${process} ${file} ${read("class/process/index")}`);
    const answer = Buffer.alloc(4096);
    const size = readSync(descriptor, answer, 0, answer.length, 0);
    return answer.toString("utf8", 0, size).replaceAll("\0", "").trim();
  } finally {
    closeSync(descriptor);
  }
}
