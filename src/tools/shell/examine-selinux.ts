/** Asks the kernel's SELinux file system what `doctor` wants to know. Reads and computes; changes nothing. */
import { closeSync, existsSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { runTool } from "../../shell/host/run-tool.ts";
import { LOG_FOLDER, RUN_FOLDER } from "../../shell/store/paths.ts";
import type { SelinuxFacts } from "../core/doctor/examination.ts";
import { HOOK_DOMAIN, typeOf } from "../core/doctor/selinux-checks.ts";
import { ask } from "./ask.ts";

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
export function examineSelinux(
  hook: string,
  execStart: string,
  sshd: readonly number[],
): SelinuxFacts | null {
  if (!existsSync(join(SELINUX, "enforce"))) return null;
  const hookContext = contextOf(hook);
  const execContext = contextOf(execStart);
  const init = contextOfProcess(1);
  const sweep = execContext === null ? init : transition(init, execContext);
  const moduleLoaded = isKnown(`system_u:system_r:${HOOK_DOMAIN}${levelOf(init)}`);
  const booleans = ["deny_execmem", "allow_execmem"] as const;
  return {
    enforcing: read("enforce") === "1",
    moduleLoaded,
    mislabelled: ask(() => (moduleLoaded ? mislabelled(dirname(hook), RUN_FOLDER, LOG_FOLDER) : [])),
    execStart,
    execStartType: execContext === null ? null : typeOf(execContext),
    hookDomains: hookContext === null ? [] : hookDomains(sshd, hookContext),
    sweepDomain: typeOf(sweep),
    sweepMayExecmem: isAllowed(sweep, sweep, "process", "execmem"),
    execmemBoolean: booleans.find((name) => existsSync(join(SELINUX, "booleans", name))) ?? null,
  };
}

/** The domains of sshd's processes, and those that its session program would get; and the hook's from each. */
function hookDomains(sshd: readonly number[], hookContext: string): { sshd: string; hook: string }[] {
  const running = sshd.flatMap((pid) => {
    const context = ask(() => contextOfProcess(pid));
    return "value" in context ? context.value : [];
  });
  const programs = SESSION_PROGRAMS.flatMap((path) => contextOf(path) ?? []);
  const sessions = running.flatMap((context) => programs.map((program) => transition(context, program)));
  // Where there is a program for sessions, PAM's stack runs there and in no listener.
  const callers = sessions.length > 0 ? sessions : running;
  const pairs = callers.map((context) => ({
    sshd: typeOf(context),
    hook: typeOf(transition(context, hookContext)),
  }));
  return pairs.filter(({ sshd: type }, i) => pairs.findIndex((pair) => pair.sshd === type) === i);
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

/** The level of a context with its colon; empty in a policy without levels. */
function levelOf(context: string): string {
  const level = context.split(":").slice(3)[0]?.split("-")[0];
  return level === undefined ? "" : `:${level}`;
}

/** The context of a path; null: it is not there. */
function contextOf(path: string): string | null {
  const text = ask(() => runTool("/usr/bin/stat", ["--format=%C", "--", path], DEADLINE_MS).trim());
  return "value" in text && text.value.includes(":") ? text.value : null;
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

/** Whether the kernel's policy has the parts of this context; it answers EINVAL where it has not. */
function isKnown(context: string): boolean {
  return "value" in ask(() => transact("context", context));
}
