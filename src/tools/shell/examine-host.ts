/** Asks a host all that `doctor` wants to know. Every question may fail by itself; none changes anything. */

import { existsSync, lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { type Fault, faultLine } from "../../core/observation/fault.ts";
import type { HostView } from "../../core/tree/host-view.ts";
import type { LoadedConfig } from "../../shell/config.ts";
import type { Native } from "../../shell/host/native.ts";
import { runTool } from "../../shell/host/run-tool.ts";
import { readLastSweep } from "../../shell/store/last-sweep.ts";
import { LOG_FILE, RUN_FOLDER, STATE_FOLDER } from "../../shell/store/paths.ts";
import { readTags } from "../../shell/store/tags.ts";
import { isStaticElf } from "../core/doctor/elf.ts";
import type { Examination, FileFacts, UnitProperties } from "../core/doctor/examination.ts";
import { type PamLine, pamStack } from "../core/doctor/pam.ts";
import type { Answer } from "../core/text/shown.ts";
import { ask, askAsync } from "./ask.ts";
import { findConfigProblems } from "./config-problems.ts";
import { examineSelinux, LOGROTATE, whyNotRotated } from "./examine-selinux.ts";

const HOOK = "/usr/libexec/vscode-grim-reaper/session-close";
const PAM_FOLDER = "/etc/pam.d";
const DEADLINE_MS = 5000;
const LAUNCHER = "/usr/sbin/vscode-grim-reaper";
const LOCAL_PROGRAMS = ["/usr/local/bin/vscode-grim-reaper", "/usr/local/sbin/vscode-grim-reaper"];
const UNITS = ["vscode-grim-reaper.service", "vscode-grim-reaper.timer"];
const SITE_UNITS = "/etc/systemd/system";
const PACKAGE_UNITS = ["/usr/lib/systemd/system", "/lib/systemd/system"];
const CGROUPS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/** What a sweep would see, and why it would end nothing. */
export interface Sight {
  readonly view: HostView;
  readonly broken: string | null;
  readonly faults: readonly Fault[];
}

export async function examine(
  native: Native,
  loaded: Answer<LoadedConfig>,
  look: Answer<Sight>,
): Promise<Examination> {
  const sshd = "value" in look ? [...look.value.view.sshd.genuine.values()] : [];
  // Listeners and monitors, which run PAM; a session's other process has the user's uid.
  const monitors = sshd.filter(({ uid }) => uid === 0).map(({ pid }) => pid);
  const service = unitProperties("vscode-grim-reaper.service");
  const faultLines = (faults: readonly Fault[]): string[] => faults.map(faultLine);
  return {
    uid: process.geteuid?.() ?? -1,
    now: Date.now(),
    pam: pamLines(),
    sshd: ask(() => runTool("/usr/sbin/sshd", ["-T"], DEADLINE_MS)),
    hookPath: HOOK,
    hook: hookFacts(),
    hookFaults: ask(readHookFaults),
    timer: unitProperties("vscode-grim-reaper.timer"),
    service,
    selinux: ask(() => examineSelinux(HOOK, execStartOf(service), monitors)),
    tags: ask(() => {
      const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
      const { tags, faults } = readTags(RUN_FOLDER, bootId);
      return { folder: fileFacts(join(RUN_FOLDER, "tags")), valid: tags.length, faults: faultLines(faults) };
    }),
    kernel: release(),
    hasCgroupV2: CGROUPS.some((folder) => existsSync(join(folder, "cgroup.controllers"))),
    hasAudit: existsSync("/proc/self/sessionid"),
    sockets: then(await askAsync(() => native.connections([process.pid], "/proc")), (found) => ({
      complete: found.complete,
      detail: found.faults[0]?.detail ?? "",
    })),
    look: then(look, ({ view: { observation }, broken, faults }) => ({
      processes: observation.counts.listed,
      sshServers: sshd.length,
      broken,
      faults: faultLines(faults),
    })),
    config: then(loaded, (config) => ({
      files: config.files,
      enforce: config.policy.enforce,
      log: logOf(config),
      problems: findConfigProblems(config),
    })),
    predecessor: findPredecessor(),
    rotation: then(loaded, (config) =>
      rotationOf([logOf(config) ?? "", config.policy.ledger.file].filter((file) => file !== "")),
    ),
    lastSweep: ask(() => readLastSweep(STATE_FOLDER)),
  };
}

/** The hook adds a byte for each. @throws */
export const readHookFaults = (): number =>
  statSync(join(RUN_FOLDER, "hook.faults"), { throwIfNoEntry: false })?.size ?? 0;

/** What follows from an answer, where there is one. */
function then<T, U>(answer: Answer<T>, act: (value: T) => U): Answer<U> {
  return "value" in answer ? ask(() => act(answer.value)) : answer;
}

/** The path of "ExecStart={ path=… ; argv[]=… }"; the package's where there is no unit. */
function execStartOf(service: Answer<UnitProperties>): string {
  const text = "value" in service ? (service.value.ExecStart ?? "") : "";
  return /\bpath=(\S+)/.exec(text)?.[1] ?? LAUNCHER;
}

function logOf({ policy: { log } }: LoadedConfig): string | null {
  return log === "both" ? LOG_FILE : log === "journal" ? null : log;
}

/** From what `logrotate -d` prints, which rotates nothing: "considering log FILE", and an error that names the file. */
function rotationOf(files: readonly string[]): { file: string; why: string | null }[] {
  if (!existsSync(LOGROTATE)) return files.map((file) => ({ file, why: "logrotate is not installed" }));
  // It writes to standard error, and ends with 1 where any file of the host has a fault.
  const script = `${LOGROTATE} -d /etc/logrotate.conf 2>&1; true`;
  const lines = runTool("/bin/sh", ["-c", script], DEADLINE_MS).split("\n");
  return files.map((file) => {
    const error = lines.find((line) => line.startsWith("error:") && line.includes(file));
    if (error !== undefined || lines.includes(`considering log ${file}`))
      return { file, why: error ?? whyNotRotated(file) };
    return { file, why: "no configuration of logrotate names it" };
  });
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
  return { uid: found.uid, gid: found.gid, mode: found.mode & 0o7777, isFile: found.isFile() };
}

function hookFacts(): Examination["hook"] {
  const facts = fileFacts(HOOK);
  if (facts === null) return null;
  const bytes = ask(() => readFileSync(HOOK));
  return { ...facts, isStatic: "value" in bytes ? isStaticElf(bytes.value) : null };
}

/** The properties of a unit by name. */
export function unitProperties(unit: string): Answer<UnitProperties> {
  return ask(() => {
    const text = runTool("/usr/bin/systemctl", ["show", "--", unit], DEADLINE_MS);
    const pairs = text
      .split("\n")
      .map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]);
    return Object.fromEntries(pairs);
  });
}
