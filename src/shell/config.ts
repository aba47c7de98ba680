/** Finds and reads the site's configuration; core/policy decides what it means. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { mergePolicy, type Policy, type PolicyLayer, parsePolicyLayer } from "../core/policy/policy.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { EXIT, Failure } from "./failure.ts";
import { isRootsAlone } from "./store/safe-files.ts";
import { actsForHost } from "./store/service-account.ts";

/** The main file. */
export const CONFIG_FILE = "/etc/vscode-grim-reaper/config.toml";
/** Files that are read after it, in order of their names. */
export const CONFIG_FOLDER = "/etc/vscode-grim-reaper/config.d";
const LOGIN_DEFS = "/etc/login.defs";

/** A configuration and where it comes from. */
export interface LoadedConfig {
  readonly policy: Policy;
  /** The files that were read, in order. */
  readonly files: readonly string[];
  /** What each of these files sets. */
  readonly layers: readonly PolicyLayer[];
}

/**
 * Reads `file`, or the system's files if it is null. A named file must exist; the system's files need not.
 * @throws Failure with one line per mistake: file, line, key and remedy
 */
export function loadConfig(file: string | null): LoadedConfig {
  const found = file === null ? systemFiles() : [file];
  const read = found.map(readLayer);
  const layers = read.map(({ layer }) => layer);
  const places = Object.fromEntries(read.flatMap(({ text }, i) => placesIn(found[i] ?? "", text)));
  const policy = mergePolicy(layers);
  const minUid = policy.minUid ?? systemMinUid();
  return { policy: { ...policy, minUid, places }, files: found, layers };
}

/** Finds where a file names an account: its TOML parser keeps no positions. */
function placesIn(file: string, text: string): (readonly [name: string, place: string])[] {
  return text
    .split("\n")
    .flatMap((line, i) =>
      [...line.replace(/^\s*#.*/, "").matchAll(/(["'])([^"']+)\1/g)].map(
        ([, , name = ""]) => [name, `${file}:${i + 1}`] as const,
      ),
    );
}

function systemFiles(): string[] {
  // Guard: a file that cannot be looked at is not one that is absent.
  const main = statSync(CONFIG_FILE, { throwIfNoEntry: false }) ? [CONFIG_FILE] : [];
  let names: string[];
  try {
    names = readdirSync(CONFIG_FOLDER);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return main;
    throw unusable(`${CONFIG_FOLDER}: ${(error as Error).message}`);
  }
  const extra = names.filter((name) => name.endsWith(".toml")).sort();
  return [...main, ...extra.map((name) => join(CONFIG_FOLDER, name))];
}

const unusable = (message: string): Failure => new Failure(EXIT.config, message);

function readLayer(file: string): { readonly layer: PolicyLayer; readonly text: string } {
  let text: string;
  try {
    checkOwner(file);
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const denied = `${file}: only root can read it; an administrator mends that with chmod 644`;
    throw unusable(code === "EACCES" ? denied : `${file}: cannot be read: ${message}`);
  }
  const { layer, errors } = parsePolicyLayer(text);
  if (errors.length === 0) return { layer, text };
  const lines = errors.map(({ line, key, message }) => {
    const where = `${file}${line === null ? "" : `:${line}`}`;
    return escapeText(`${where}: ${key ? `${key}: ` : ""}${message}`);
  });
  throw unusable(lines.join("\n"));
}

/** Guard: a user who could write the policy would choose what root ends. */
function checkOwner(file: string): void {
  if (!actsForHost()) return;
  if (!isRootsAlone(statSync(file)))
    throw unusable(`${file}: users other than root can write it; run chown root:root and chmod go-w on it`);
}

/** Reads where ordinary users begin: UID_MIN of /etc/login.defs, else 1000. */
function systemMinUid(): number {
  try {
    const line = /^\s*UID_MIN\s+(\d+)\s*$/m.exec(readFileSync(LOGIN_DEFS, "utf8"));
    return line ? Number(line[1]) : 1000;
  } catch {
    return 1000;
  }
}
