/** Asks a host all that `doctor` wants to know. Every question may fail by itself; none changes anything. */

import { existsSync, lstatSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import type { LoadedConfig } from "../../shell/config.ts";
import type { Native } from "../../shell/host/native.ts";
import { runTool } from "../../shell/host/run-tool.ts";
import { countHookFaults, readLastSweep } from "../../shell/store/last-sweep.ts";
import { LOG_FOLDER, STATE_FOLDER } from "../../shell/store/paths.ts";
import { type Examination, HOOK, type UnitProperties } from "../core/doctor/examination.ts";
import { type PamLine, pamStack } from "../core/doctor/pam.ts";
import type { Answer } from "../core/text/shown.ts";
import { ask, askAsync, orNull } from "./ask.ts";
import { findConfigProblems } from "./config-problems.ts";
import { examineSelinux } from "./examine-selinux.ts";

const PAM_FOLDER = "/etc/pam.d";
const DEADLINE_MS = 5000;
/** The log of the packaged unit. */
const LOG_FILE = `${LOG_FOLDER}/sweep.log`;
const LOGROTATE = "/usr/sbin/logrotate";

export async function examine(
  native: Native,
  loaded: Answer<LoadedConfig>,
  look: Examination["look"],
): Promise<Examination> {
  const monitors = "value" in look ? look.value.monitors : [];
  return {
    uid: process.geteuid?.() ?? -1,
    now: Date.now(),
    pam: pamLines(),
    sshd: ask(() => runTool("/usr/sbin/sshd", ["-T"], DEADLINE_MS)),
    hook: hookFacts(),
    hookFaults: ask(countHookFaults),
    timer: ask(() => unitProperties("vscode-grim-reaper.timer")),
    service: ask(() => unitProperties("vscode-grim-reaper.service")),
    selinux: ask(() => examineSelinux(monitors)),
    kernel: release(),
    hasAudit: existsSync("/proc/self/sessionid"),
    sockets: await askAsync(async () => {
      const { complete, faults } = await native.connections([process.pid], "/proc");
      return complete ? null : (faults[0]?.detail ?? "");
    }),
    look,
    config: then(loaded, (config) => ({
      files: config.files,
      enforce: config.policy.enforce,
      log: logOf(config),
      problems: findConfigProblems(config),
    })),
    rotation: then(loaded, (config) =>
      rotationOf([logOf(config) ?? "", config.policy.ledger.file].filter((file) => file !== "")),
    ),
    lastSweep: ask(() => readLastSweep(STATE_FOLDER)),
  };
}

/** What follows from an answer, where there is one. */
function then<T, U>(answer: Answer<T>, act: (value: T) => U): Answer<U> {
  return "value" in answer ? ask(() => act(answer.value)) : answer;
}

function logOf({ policy: { log } }: LoadedConfig): string | null {
  return log === "both" ? LOG_FILE : log === "journal" ? null : log;
}

/**
 * Says which files logrotate rotates, from what `logrotate -d` prints, which rotates nothing: "considering log FILE", and
 * an error that names the file. @throws for one that it does not rotate
 */
function rotationOf(files: readonly string[]): string {
  if (!existsSync(LOGROTATE)) throw new Error("logrotate is not installed");
  // It writes to standard error, and ends with 1 where any file of the host has a fault.
  const script = `${LOGROTATE} -d /etc/logrotate.conf 2>&1; true`;
  const lines = runTool("/bin/sh", ["-c", script], DEADLINE_MS).split("\n");
  for (const file of files) {
    const error = lines.find((line) => line.startsWith("error:") && line.includes(file));
    if (error !== undefined || !lines.includes(`considering log ${file}`))
      throw new Error(`${file} grows without end: ${error ?? "no configuration of logrotate names it"}`);
  }
  return files.length > 0 ? `logrotate rotates ${files.join(", ")}` : "no file grows";
}

function pamLines(): PamLine[] | null {
  const read = (name: string): string | null => orNull(() => readFileSync(join(PAM_FOLDER, name), "utf8"));
  return read("sshd") === null ? null : pamStack("sshd", read);
}

function hookFacts(): Examination["hook"] {
  const found = lstatSync(HOOK, { throwIfNoEntry: false });
  if (!found) return null;
  const program = orNull(() => readFileSync(HOOK));
  return {
    uid: found.uid,
    mode: found.mode & 0o7777,
    isFile: found.isFile(),
    isStatic: program !== null && isStatic(program),
  };
}

/** An ELF program without a loader, which LD_PRELOAD reaches: linkers write the loader's path next to the head. */
export function isStatic(program: Buffer): boolean {
  const head = program.toString("latin1", 0, 4096);
  return head.startsWith("\x7fELF") && !head.includes("/ld-");
}

/** The properties of a unit by name. @throws */
export function unitProperties(unit: string): UnitProperties {
  const text = runTool("/usr/bin/systemctl", ["show", "--", unit], DEADLINE_MS);
  return Object.fromEntries([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]));
}
