/** Finds and reads the site's configuration; what it means is decided in core/policy. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { mergePolicy, type Policy, type PolicyLayer, parsePolicyLayer } from "../core/policy/policy.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { actsForHost } from "./store/service-account.ts";

export const CONFIG_FILE = "/etc/vscode-grim-reaper/config.toml";
export const CONFIG_FOLDER = "/etc/vscode-grim-reaper/config.d";
const LOGIN_DEFS = "/etc/login.defs";

/** The configuration cannot be used; the message names file, line, key and remedy, one line a mistake. */
export class ConfigError extends Error {}

export interface LoadedConfig {
  readonly policy: Policy;
  /** The files that were read, in order. */
  readonly files: readonly string[];
}

/**
 * Reads `file`, or the system's files when it is null. A named file must exist; the system's need not.
 * @throws ConfigError
 */
export function loadConfig(file: string | null): LoadedConfig {
  const found = file === null ? systemFiles() : [file];
  const layers = found.map(readLayer);
  return { policy: mergePolicy(layers), files: found };
}

function systemFiles(): string[] {
  const main = exists(CONFIG_FILE) ? [CONFIG_FILE] : [];
  let names: string[];
  try {
    names = readdirSync(CONFIG_FOLDER);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return main;
    throw new ConfigError(`${CONFIG_FOLDER}: ${(error as Error).message}`);
  }
  const extra = names.filter((name) => name.endsWith(".toml")).sort();
  return [...main, ...extra.map((name) => join(CONFIG_FOLDER, name))];
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readLayer(file: string): PolicyLayer {
  let text: string;
  try {
    checkOwner(file);
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${file}: cannot be read: ${(error as Error).message}`);
  }
  const { layer, errors } = parsePolicyLayer(text);
  if (errors.length === 0) return layer;
  const lines = errors.map(({ line, key, message }) => {
    const where = `${file}${line === null ? "" : `:${line}`}`;
    return escapeText(`${where}: ${key ? `${key}: ` : ""}${message}`);
  });
  throw new ConfigError(lines.join("\n"));
}

/** Guard: a policy that somebody else can write would let them choose what root ends. */
function checkOwner(file: string): void {
  if (!actsForHost()) return;
  const { uid, gid, mode } = statSync(file);
  const writable = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0);
  if (uid !== 0 || writable)
    throw new ConfigError(`${file}: can be written by others than root; chown root:root and chmod go-w it`);
}

/** UID_MIN of /etc/login.defs, else 1000: where ordinary users begin. */
export function systemMinUid(): number {
  try {
    const line = /^\s*UID_MIN\s+(\d+)\s*$/m.exec(readFileSync(LOGIN_DEFS, "utf8"));
    return line ? Number(line[1]) : 1000;
  } catch {
    return 1000;
  }
}
