import assert from "node:assert/strict";
import { accessSync, constants, readFileSync } from "node:fs";
import { describe, test } from "node:test";

const COMMANDS = ["bash", "mmdebstrap", "nsenter", "setpriv", "systemd-nspawn", "unshare"];

function installed(command: string): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => {
    try {
      accessSync(`${folder}/${command}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Why no login node can be booted on this machine; null when one can. */
export function whyNoLoginNode(): string | null {
  if (process.getuid?.() !== 0) return "a login node needs root";
  if (!/\tcgroup2$/m.test(readFileSync("/proc/filesystems", "utf8"))) return "this kernel has no cgroup v2";
  const missing = COMMANDS.filter((command) => !installed(command));
  if (missing.length > 0)
    return `not installed: ${missing.join(", ")} (Debian: apt-get install mmdebstrap systemd-container)`;
  return null;
}

/** A suite that needs a login node, or where it is given something else; skipped, saying why, where that is missing. */
export function onLoginNode(name: string, suite: () => void, why: string | null = whyNoLoginNode()): void {
  if (why === null) describe(name, suite);
  else test(name, { skip: process.env.CI !== "true" && why }, () => assert.fail(why));
}
