/** Asks a host all that `doctor` wants to know. Every question may fail by itself; none changes anything. */

import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import type { Proc } from "../../core/observation/process.ts";
import { mergePolicy } from "../../core/policy/policy.ts";
import { loadConfig } from "../../shell/config.ts";
import { lookUpAccounts } from "../../shell/host/accounts.ts";
import { capabilities } from "../../shell/host/capabilities.ts";
import type { Native } from "../../shell/host/native.ts";
import { runTool } from "../../shell/host/run-tool.ts";
import { observe } from "../../shell/observe.ts";
import { readLastSweep } from "../../shell/store/last-sweep.ts";
import { readTags } from "../../shell/store/tags.ts";
import { isStaticElf } from "../core/doctor/elf.ts";
import type { Answer, Examination, FileFacts, Keepalive } from "../core/doctor/examination.ts";
import { type PamLine, pamStack } from "../core/doctor/pam.ts";
import { examineSelinux } from "./examine-selinux.ts";

export const HOOK = "/usr/libexec/vscode-grim-reaper/session-close";
const PAM_FOLDER = "/etc/pam.d";
const DEADLINE_MS = 5000;
const LAUNCHER = "/usr/sbin/vscode-grim-reaper";
const LOCAL_PROGRAMS = ["/usr/local/bin/vscode-grim-reaper", "/usr/local/sbin/vscode-grim-reaper"];
const UNITS = ["vscode-grim-reaper.service", "vscode-grim-reaper.timer"];
const SITE_UNITS = "/etc/systemd/system";
const PACKAGE_UNITS = ["/usr/lib/systemd/system", "/lib/systemd/system"];
const CGROUPS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

export interface ExamineOptions {
  readonly native: Native;
  readonly configFile: string | null;
  readonly runFolder: string;
  readonly stateFolder: string;
}

export async function examine(options: ExamineOptions): Promise<Examination> {
  const { native, configFile, runFolder, stateFolder } = options;
  const loaded = ask(() => loadConfig(configFile));
  const policy = "value" in loaded ? loaded.value.policy : mergePolicy([]);
  const seen = await askAsync(() => {
    const { catalogue } = policy;
    const options = { catalogue, uids: null, full: false, sockets: false, runFolder, procRoot: "/proc" };
    return observe(native, options);
  });
  const sshd = "value" in seen ? [...seen.value.sshd.genuine.values()] : [];
  // Listeners and monitors, which run PAM; a session's other process has the user's uid.
  const monitors = sshd.filter(({ uid }) => uid === 0).map(({ pid }) => pid);
  const service = unitProperties("vscode-grim-reaper.service");
  const settings = ask(() => runTool("/usr/sbin/sshd", ["-T"], DEADLINE_MS));
  return {
    uid: process.geteuid?.() ?? -1,
    now: Date.now(),
    capabilities: capabilities(),
    pam: pamLines(),
    usePam: then(settings, (text) => /^usepam yes$/m.test(text)),
    keepalive: then(settings, keepaliveOf),
    hookPath: HOOK,
    hook: hookFacts(),
    // The hook adds a byte for each.
    hookFaults: ask(() => statSync(join(runFolder, "hook.faults"), { throwIfNoEntry: false })?.size ?? 0),
    timer: unitProperties("vscode-grim-reaper.timer"),
    service,
    selinux: ask(() =>
      examineSelinux({ hook: HOOK, runFolder, execStart: execStartOf(service), sshd: monitors }),
    ),
    tagsFolder: ask(() => fileFacts(join(runFolder, "tags"))),
    tags: ask(() => tagFacts(runFolder)),
    kernel: kernelFacts(native, "value" in seen ? seen.value.observation.processes : []),
    sockets: then(await askAsync(() => native.connections([process.pid], "/proc")), (found) => ({
      complete: found.complete,
      detail: found.faults[0]?.detail ?? "",
    })),
    processes: then(seen, ({ observation: { counts } }) => ({
      counts,
      sshServers: sshd.length,
      seesInit: process.pid !== 1 && existsSync("/proc/1/stat"),
    })),
    logind: ask(() => runTool("/usr/bin/loginctl", ["list-sessions", "--no-legend"], DEADLINE_MS)),
    clockSynchronized: ask(() => {
      const property = ["show", "--property=NTPSynchronized", "--value"];
      return runTool("/usr/bin/timedatectl", property, DEADLINE_MS).trim() === "yes";
    }),
    config: then(loaded, ({ files }) => {
      const faults = lookUpAccounts(policy, []).faults.map(({ what, detail }) => `${what}: ${detail}`);
      return { files, enforce: policy.enforce, log: policy.log, faults };
    }),
    predecessor: findPredecessor(),
    lastSweep: ask(() => readLastSweep(stateFolder)),
  };
}

function ask<T>(question: () => T): Answer<T> {
  try {
    return { value: question() };
  } catch (error) {
    const { message } = error as Error;
    const denied = process.geteuid?.() !== 0 && /EACCES|EPERM/.test(message);
    return { failed: denied ? "only root can read it" : message };
  }
}

async function askAsync<T>(question: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await question() };
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

/** What follows from an answer, where there is one. */
function then<T, U>(answer: Answer<T>, act: (value: T) => U): Answer<U> {
  return "value" in answer ? ask(() => act(answer.value)) : answer;
}

/** The path of "ExecStart={ path=… ; argv[]=… }"; the package's where there is no unit. */
function execStartOf(service: Answer<Readonly<Record<string, string>>>): string {
  const text = "value" in service ? (service.value.ExecStart ?? "") : "";
  return /\bpath=(\S+)/.exec(text)?.[1] ?? LAUNCHER;
}

/** Finds what the Python script left behind: a unit or a program that hides the installed one. */
function findPredecessor(): string[] {
  const units = UNITS.filter(
    (unit) =>
      existsSync(join(SITE_UNITS, unit)) && PACKAGE_UNITS.some((folder) => existsSync(join(folder, unit))),
  ).map((unit) => join(SITE_UNITS, unit));
  const installed = ask(() => realpathSync(LAUNCHER));
  const programs = LOCAL_PROGRAMS.filter((file) => {
    const target = ask(() => realpathSync(file));
    return "value" in installed && "value" in target && target.value !== installed.value;
  });
  return [...units, ...programs];
}

function pamLines(): PamLine[] | null {
  const read = (name: string): string | null => {
    const text = ask(() => readFileSync(join(PAM_FOLDER, name), "utf8"));
    return "value" in text ? text.value : null;
  };
  return read("sshd") === null ? null : pamStack("sshd", read);
}

function fileFacts(path: string): FileFacts | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return null;
  const kind = found.isFile() ? "file" : found.isDirectory() ? "folder" : "other";
  return { uid: found.uid, mode: found.mode & 0o7777, kind };
}

/** From what `sshd -T` prints: "clientaliveinterval 60". With a count of 0 sshd ends no connection (sshd_config(5)). */
function keepaliveOf(settings: string): Keepalive {
  const settingOf = (key: string): string => new RegExp(`^${key} (\\S+)$`, "m").exec(settings)?.[1] ?? "";
  const clientAlive = Number(settingOf("clientaliveinterval")) * Number(settingOf("clientalivecountmax"));
  return { clientAlive, tcp: settingOf("tcpkeepalive") === "yes" };
}

function hookFacts(): Examination["hook"] {
  const facts = fileFacts(HOOK);
  if (facts === null) return null;
  const bytes = ask(() => readFileSync(HOOK));
  return { ...facts, isStatic: "value" in bytes ? isStaticElf(bytes.value) : null };
}

function unitProperties(unit: string): Answer<Readonly<Record<string, string>>> {
  return ask(() => {
    const text = runTool("/usr/bin/systemctl", ["show", "--", unit], DEADLINE_MS);
    const pairs = text
      .split("\n")
      .map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]);
    return Object.fromEntries(pairs);
  });
}

function tagFacts(folder: string): { valid: number; faults: string[] } {
  const { tags, faults } = readTags(folder, readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  return { valid: tags.length, faults: faults.map(({ what, detail }) => `cannot ${what}: ${detail}`) };
}

function kernelFacts(native: Native, processes: readonly Proc[]): Examination["kernel"] {
  // Signal 0 asks and does nothing; the answer tells whether the process could be pinned.
  const someone = processes.find(({ pid }) => pid > 2 && pid !== process.pid);
  const pidfd = someone === undefined || !native.signal(someone, someone.uid, 0).weak;
  const mount = CGROUPS.find((folder) => existsSync(join(folder, "cgroup.controllers")));
  return {
    release: release(),
    pidfd,
    cgroupV2: mount !== undefined,
    cgroupKill: mount !== undefined && hasCgroupKill(mount),
    audit: existsSync("/proc/self/sessionid"),
  };
}

/** The root group has no such file; any group below it does, where the kernel has it. */
function hasCgroupKill(mount: string): boolean {
  const below = ask(() => readdirSync(mount, { withFileTypes: true }).filter((entry) => entry.isDirectory()));
  return "value" in below && below.value.some(({ name }) => existsSync(join(mount, name, "cgroup.kill")));
}
