/** Asks the kernel's SELinux file system what `doctor` wants to know. Reads and computes; changes nothing. */
import { closeSync, existsSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { runTool } from "../../shell/host/run-tool.ts";
import { LOG_FOLDER, RUN_FOLDER } from "../../shell/store/paths.ts";
import { HOOK, type SelinuxFacts } from "../core/doctor/examination.ts";
import { HOOK_DOMAIN, typeOf } from "../core/doctor/selinux-checks.ts";
import { orNull } from "./ask.ts";

/** selinuxfs, at its one place since Linux 3.0. */
const SELINUX = "/sys/fs/selinux";
const DEADLINE_MS = 5000;
/** Since OpenSSH 9.8 sshd starts this program for each session: RHEL's path and Debian's. */
const SESSION_PROGRAMS = ["/usr/libexec/openssh/sshd-session", "/usr/lib/openssh/sshd-session"];
export const LOGROTATE = "/usr/sbin/logrotate";
/** More labels say no more. */
const MAX_LABELS = 3;

/**
 * Examines SELinux; null where it is not enabled. `execStart`: what systemd starts; `sshd`: processes of genuine ssh
 * servers. @throws where the kernel does not answer
 */
export function examineSelinux(execStart: string, sshd: readonly number[]): SelinuxFacts | null {
  if (!existsSync(join(SELINUX, "enforce"))) return null;
  const execContext = contextOf(execStart);
  const init = contextOfProcess(1);
  const sweep = execContext === null ? init : transition(init, execContext);
  const domains = hookDomains(sshd);
  const hasModule = domains.some(({ hook }) => hook === HOOK_DOMAIN);
  return {
    enforcing: read("enforce") === "1",
    mislabelled: hasModule ? mislabelled(dirname(HOOK), RUN_FOLDER, LOG_FOLDER) : [],
    execStart,
    execStartType: execContext === null ? null : typeOf(execContext),
    hookDomains: domains,
    sweepDomain: typeOf(sweep),
    sweepMayExecmem: isAllowed(sweep, sweep, "process", "execmem"),
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

/** What a rotation does: a new file in the place of a renamed one, and in the end one removed. */
const ROTATION = [
  ["dir", ["add_name", "remove_name", "write"]],
  ["file", ["create", "rename", "setattr", "unlink", "write"]],
] as const;

/** Why SELinux keeps logrotate from rotating a log; null where it does not. */
export function whyNotRotated(log: string): string | null {
  const program = contextOf(LOGROTATE);
  if (program === null || !existsSync(join(SELINUX, "enforce")) || read("enforce") !== "1") return null;
  const logrotate = transition(contextOfProcess(1), program);
  for (const [targetClass, permissions] of ROTATION) {
    const context = contextOf(targetClass === "dir" ? dirname(log) : log);
    if (context === null) continue;
    if (permissions.some((permission) => !isAllowed(logrotate, context, targetClass, permission)))
      return `SELinux lets logrotate rename nothing that is labelled ${typeOf(context)}`;
  }
  return null;
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
  const text = runTool("/usr/sbin/restorecon", ["-R", "-n", "-v", ...present], DEADLINE_MS);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .slice(0, MAX_LABELS);
}

/** One question to a file of selinuxfs: the answer belongs to the descriptor that asked. */
function transact(file: string, question: string): string {
  const descriptor = openSync(join(SELINUX, file), "r+");
  try {
    writeSync(descriptor, question);
    const answer = Buffer.alloc(4096);
    const size = readSync(descriptor, answer, 0, answer.length, 0);
    return answer.toString("utf8", 0, size).replaceAll("\0", "").trim();
  } finally {
    closeSync(descriptor);
  }
}

/** The context of a process of this context after it has executed a file of that one. */
function transition(process: string, file: string): string {
  return transact("create", `${process} ${file} ${read("class/process/index")}`);
}

function isAllowed(source: string, target: string, targetClass: string, permission: string): boolean {
  const bit = Number(read(`class/${targetClass}/perms/${permission}`)) - 1;
  const allowed =
    transact("access", `${source} ${target} ${read(`class/${targetClass}/index`)}`).split(" ")[0] ?? "0";
  return ((BigInt(`0x${allowed}`) >> BigInt(bit)) & 1n) === 1n;
}
