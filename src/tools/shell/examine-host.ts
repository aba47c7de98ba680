/** Asks a host all that `doctor` wants to know. Every question may fail by itself; none changes anything. */

import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import type { Proc } from "../../core/observation/process.ts";
import { mergePolicy, type Policy } from "../../core/policy/policy.ts";
import type { HostView } from "../../core/tree/host-view.ts";
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
import { examineProcMount, examineSelinux } from "./examine-selinux.ts";

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
  const seen = await observeAll(native, policy, runFolder);
  const sshd = sshdOf(seen);
  // Listeners and monitors, which run PAM; a session's other process has the user's uid.
  const monitors = sshd.filter(({ uid }) => uid === 0).map(({ pid }) => pid);
  const service = unitProperties("vscode-grim-reaper.service");
  const settings = ask(() => runTool("/usr/sbin/sshd", ["-T"], DEADLINE_MS));
  return {
    uid: process.geteuid?.() ?? -1,
    now: Date.now(),
    capabilities: capabilities(),
    pam: pamLines(),
    usePam: "value" in settings ? { value: /^usepam yes$/m.test(settings.value) } : settings,
    keepalive: "value" in settings ? { value: keepaliveOf(settings.value) } : settings,
    hookPath: HOOK,
    hook: hookFacts(),
    hookFaults: ask(() => sizeOf(join(runFolder, "hook.faults"))),
    timer: unitProperties("vscode-grim-reaper.timer"),
    service,
    selinux: ask(() =>
      examineSelinux({ hook: HOOK, runFolder, execStart: execStartOf(service), sshd: monitors }),
    ),
    procMount: ask(() => examineProcMount(monitors)),
    tagsFolder: ask(() => fileFacts(join(runFolder, "tags"))),
    tags: ask(() => tagFacts(runFolder)),
    kernel: kernelFacts(native, "value" in seen ? seen.value.observation.processes : []),
    sockets: await askSockets(native),
    processes: processFacts(seen, sshd),
    logind: ask(() => runTool("/usr/bin/loginctl", ["list-sessions", "--no-legend"], DEADLINE_MS)),
    clockSynchronized: ask(
      () =>
        runTool(
          "/usr/bin/timedatectl",
          ["show", "--property=NTPSynchronized", "--value"],
          DEADLINE_MS,
        ).trim() === "yes",
    ),
    config: ask(() => {
      if ("failed" in loaded) throw new Error(loaded.failed);
      const { files } = loaded.value;
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

/** The length of a count of the hook's. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
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
    try {
      return readFileSync(join(PAM_FOLDER, name), "utf8");
    } catch {
      return null;
    }
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

async function askSockets(native: Native): Promise<Examination["sockets"]> {
  try {
    const { complete, faults } = await native.connections([process.pid], "/proc");
    return { value: { complete, detail: faults[0]?.detail ?? "" } };
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

async function observeAll(native: Native, policy: Policy, runFolder: string): Promise<Answer<HostView>> {
  try {
    const { catalogue } = policy;
    const options = { catalogue, uids: null, full: false, sockets: false, runFolder, procRoot: "/proc" };
    return { value: await observe(native, options) };
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

/** The processes of genuine ssh servers. */
function sshdOf(seen: Answer<HostView>): Proc[] {
  return "failed" in seen ? [] : [...seen.value.sshd.genuine.values()];
}

function processFacts(seen: Answer<HostView>, sshd: readonly Proc[]): Examination["processes"] {
  if ("failed" in seen) return seen;
  const { counts } = seen.value.observation;
  return {
    value: { counts, sshServers: sshd.length, seesInit: process.pid !== 1 && existsSync("/proc/1/stat") },
  };
}
